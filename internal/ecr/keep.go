package ecr

import "github.com/modelwharf/modelwharf/internal/blob/ledger"

// Bytes is the ledger of the blobs of images, for who wants to read them all.
func (s *Service) Bytes() *ledger.Ledger { return s.ledger }
