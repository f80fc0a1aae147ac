package predictions

// The packer makes its channels when it is first used, which must not be in the bubble of one
// test: no other could use it then.
func init() { packer.EncodeAll([]byte("x"), nil) }
