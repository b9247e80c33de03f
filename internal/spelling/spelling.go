// Package spelling tells how far apart two words are, for who mistyped one.
package spelling

// longest is the longest word that is compared, in bytes.
const longest = 128

// Distance counts the bytes to insert, remove or replace between two words
// (Levenshtein). Words of more than 128 bytes are far from everything: their
// comparison takes the product of their lengths.
func Distance(a, b string) int {
	if len(a) > longest || len(b) > longest {
		return 1 << 20
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = min(diagonal, row[j], row[j+1]) + 1
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
