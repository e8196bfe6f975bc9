//go:build !unix

package main

import "github.com/terraform-offsets/terraform-provider-offsets/internal/provider"

// outlive does nothing: Windows tells nobody that a parent is gone.
func outlive(*provider.Provider) {}
