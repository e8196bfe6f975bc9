// Package docs holds what keeps the documentation true: each example is
// installed, planned and applied, each block of Terraform code in a page is one
// of them, and no link is dead. It must not hold any documentation itself.
package docs
