// Package soak walks at random, with faults, on real brokers: groups are reset,
// restored and resumed while consumers come and go, logs grow and shrink, and
// brokers die, hang and lose answers. After each step a client that shares
// nothing with the engines looks at the brokers, and decides whether what the
// product has claimed is true. Everything that happens is decided beforehand
// from one seed, so that a walk can be repeated; a walk that found something is
// kept in testdata. `make soak` runs it.
//
// The package is tests only. It must not look into the engines: it knows what
// callers know, and what the brokers say.
package soak
