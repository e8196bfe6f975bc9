//go:build unix

package rocketmq

import "syscall"

// Pause stops a master's process in its tracks: it keeps its connections and
// answers nothing, until it is killed.
func (c *Cluster) Pause(broker string) error {
	return syscall.Kill(c.Process(broker).Pid(), syscall.SIGSTOP)
}

// Continue lets a master go on that was paused. What it was asked meanwhile, it
// does now.
func (c *Cluster) Continue(broker string) error {
	return syscall.Kill(c.Process(broker).Pid(), syscall.SIGCONT)
}
