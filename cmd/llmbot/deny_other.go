//go:build !linux

package main

// denyExecutable does nothing: there is no such ban.
func denyExecutable() {}
