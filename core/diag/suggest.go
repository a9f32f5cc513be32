package diag

// maxDistance is how many edits a suggestion may be away from what was written.
const maxDistance = 2

// maxSuggest is the longest word that is compared, in bytes: the table of edits
// grows with the product of the lengths, and nobody mistypes a longer word.
const maxSuggest = 64

// Suggest returns the candidate closest to word: at most two insertions,
// deletions, replacements or swaps of neighbours away, and fewer than word has
// letters. It returns "" if there is none. Among equals the first in
// alphabetical order wins, so that the answer doesn't depend on the order of
// candidates.
func Suggest(word string, candidates []string) string { return Closest(word, candidates, maxDistance) }

// Closest is Suggest within a smaller number of edits.
func Closest(word string, candidates []string, within int) string {
	within = min(within, maxDistance)
	best, bestDistance := "", within+1
	for _, c := range candidates {
		if c == word || c == "" {
			continue
		}
		d := distance(word, c)
		if d >= len(word) || d > bestDistance {
			continue
		}
		if d < bestDistance || best == "" || c < best {
			best, bestDistance = c, d
		}
	}
	if bestDistance > within {
		return ""
	}
	return best
}

// distance is the optimal string alignment distance of a and b in bytes, or
// more than maxDistance if they are too long or too different to matter.
func distance(a, b string) int {
	if len(a) > maxSuggest || len(b) > maxSuggest || len(a)-len(b) > maxDistance || len(b)-len(a) > maxDistance {
		return maxDistance + 1
	}
	var rows [3][maxSuggest + 1]int
	before, prev, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(b)]
}
