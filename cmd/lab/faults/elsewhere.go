//go:build !linux

package faults

// RunHelper does nothing: what takes a helper takes Linux.
func RunHelper() {}

// disk is a small file system that can be full. There is none here.
type disk struct{}

func (*disk) fill() error { return errNoDisk }
func (*disk) free() error { return errNoDisk }

func onSmallDisk(*stage, *setup) error { return errNoDisk }

func onSlowDisk(*stage, *setup) error { return errNoSlowDisk }
