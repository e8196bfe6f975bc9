// Package reset is the life of a reset, between the provider and the engines:
// when it happens, an attempt and its resume, going back, what a destroy does,
// and the words of the preview.
//
// It must not know Terraform, a broker's protocol or the network: it asks an
// engine, and returns plain values.
package reset
