//go:build !unix

package main

// outlive does nothing: Windows tells nobody that a parent is gone.
func outlive(func()) {}
