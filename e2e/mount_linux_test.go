package e2e

import "syscall"

// mountSmall mounts a file system of 256 MiB in memory.
func mountSmall(dir string) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256m")
}

func unmount(dir string) error { return syscall.Unmount(dir, syscall.MNT_DETACH) }
