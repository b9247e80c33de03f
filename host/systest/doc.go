// Package systest holds the built programs to the promises that only whole
// processes can keep or break: what was acknowledged survives kill -9 of the
// host and of its plugins, a repeat gets the first answer also after a restart,
// and nothing is left behind. The nodes are run by package rig.
package systest
