terraform {
  required_providers {
    offsets = {
      source = "terraform-offsets/offsets"
    }
  }
}
