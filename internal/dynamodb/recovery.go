package dynamodb

// recoveryState is the point-in-time recovery of a table as it is stored.
type recoveryState struct {
	On bool `json:"on,omitempty"`
}
