// Package test holds the tests of whole servers: the shipped binary and the very
// wiring that it runs, driven over HTTP. One story a file.
//
// It has no code that ships.
package test
