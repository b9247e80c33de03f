//go:build linux

package rig

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Process is a process of a node: the host, or a plugin.
type Process struct {
	PID  int
	Name string // of the program
}

func (p Process) String() string { return fmt.Sprintf("%s(%d)", p.Name, p.PID) }

// Processes lists the living processes of a node, orphans included: all that
// work in its directory.
func (n *Node) Processes() []Process {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	var found []Process
	for _, link := range links {
		at, err := os.Readlink(link)
		if err != nil || (at != n.Dir && !strings.HasPrefix(at, n.Dir+"/")) {
			continue
		}
		proc := filepath.Dir(link)
		pid, _ := strconv.Atoi(filepath.Base(proc))
		name, err := os.ReadFile(filepath.Join(proc, "comm"))
		if err != nil {
			continue // it has ended meanwhile
		}
		found = append(found, Process{pid, strings.TrimSpace(string(name))})
	}
	return found
}

// Descendants lists the processes that the host has started, and theirs.
func (n *Node) Descendants() []Process { return descendants(n.PID()) }

func descendants(pid int) (found []Process) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, l := range lists {
		text, _ := os.ReadFile(l)
		for _, f := range strings.Fields(string(text)) {
			child, err := strconv.Atoi(f)
			if err != nil {
				continue
			}
			name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", child))
			found = append(append(found, Process{child, strings.TrimSpace(string(name))}), descendants(child)...)
		}
	}
	return found
}

// Holdings is what a process holds of the kernel.
type Holdings struct {
	Files, Threads, Children int
}

// Holdings counts what the host's process holds.
func (n *Node) Holdings() (h Holdings, err error) {
	pid := n.PID()
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return h, err
	}
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return h, err
	}
	return Holdings{len(files), len(threads), len(n.Descendants())}, nil
}

// Sockets lists what lies in the directory of the plugins' sockets.
func (n *Node) Sockets() []string {
	found, _ := filepath.Glob(n.Path("data", "run", "*"))
	return found
}

// PluginPIDs tells the process of each instance, as the host has last logged it
// (level info or below); it may have ended since.
func (n *Node) PluginPIDs() map[string]int {
	pids := make(map[string]int)
	for line := range strings.Lines(n.Log()) {
		for _, name := range n.Instances {
			_, after, ok := strings.Cut(line, "dta."+name+": the plugin is ready: pid=")
			if !ok {
				continue
			}
			if pid, err := strconv.Atoi(strings.Fields(after)[0]); err == nil {
				pids[name] = pid
			}
		}
	}
	return pids
}
