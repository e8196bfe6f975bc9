provider "offsets" {}
