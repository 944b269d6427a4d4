// Package typos compares words, for those who ask whether another one was meant. It decides
// nothing: how much alike two names must be depends on what a wrong guess costs.
package typos

// Most is how many letters a word may differ from another one to count as that one, misspelt.
const Most = 2

// Alike reports whether a is likely b, misspelt: at most Most letters differ, and fewer than half of
// the shorter word's. Of short words nearly all are two letters from each other.
func Alike(a, b string) bool {
	d := Distance(a, b)
	return d <= Most && 2*d < min(len(a), len(b))
}

// Distance returns Levenshtein's distance of two words: how many bytes to insert, delete or change.
// Its cost is the product of their lengths: callers bound what others write.
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
