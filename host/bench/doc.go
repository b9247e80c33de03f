// Package bench measures a node as its users load it: the built programs, a real
// SoftHSM, the disk of the machine. It asserts nothing about time.
//
//	make bench
//
// prints orders and redemptions a second at 1, 8 and 64 callers, and the crypto
// budget: the CPU time that all processes of a node spend on an order and on a
// redemption, beside the sum of the primitives that no implementation of the
// protocol could leave out, measured in the same run. On three nodes it tells what
// each role pays. With DTA_BEFORE, a directory of older programs, it compares them
// with these.
package bench
