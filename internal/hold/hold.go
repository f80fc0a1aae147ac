// Package hold is what the stores of images and of packages agree on about holds: what is
// held for somebody is not deleted until that one lets go of it.
//
// Each store keeps its own records of holds, and reads them in the transaction of whatever
// would delete or change what they hold. A hold is taken in a transaction of the holder's,
// together with what makes the holder be there: so neither is ever without the other.
package hold

// Holder is for whom something is held.
type Holder struct {
	ID string // no other holder has it
	// Title is the holder for people, after "held by": "the model version fraud 1.0 of the
	// table modelCatalogTable".
	Title string
}
