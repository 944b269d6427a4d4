//go:build !linux

package pdf

func banned() {}
