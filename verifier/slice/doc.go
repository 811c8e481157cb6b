// Package slice finds the part of a document that matters: it takes change
// points away as long as a question about the document keeps its answer.
//
// A change point is an element of an array of the document, at any depth. Taking
// one away takes away what is inside it. The method is delta debugging: large
// pieces first, then smaller ones, at last single elements, outer arrays before
// inner ones, until none can go any more. What is left is 1-minimal: without any
// single one of its points the answer is another one. Smaller subsets may exist
// that no single step reaches.
//
// Hints shorten the search: where a good guess is enough, nothing else is looked
// at. What is left is 1-minimal all the same.
//
// # Indices
//
// Elements of the views refer to each other by index: a field spec is an index
// into the array specs of the document, status into statuses. When elements are
// taken away, such fields are rewritten, and are -1 when what they named is gone.
// A field counts as such when it is a whole number and the document has an array
// that is called like the plural of its name.
//
// # Cost
//
// The question is asked many times. One asking costs more the more points the
// document has; the budget limits the sum. Costs are counted and not measured, so that
// the same document always gives the same slice.
package slice
