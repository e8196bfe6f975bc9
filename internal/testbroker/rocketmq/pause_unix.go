//go:build unix

package rocketmq

import "syscall"

// Pause stops a master's process in its tracks: it keeps its connections and
// answers nothing, until it is killed.
func (c *Cluster) Pause(broker string) error {
	return syscall.Kill(c.Process(broker).Pid(), syscall.SIGSTOP)
}
