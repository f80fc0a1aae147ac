package cloudformation

import "github.com/modelwharf/modelwharf/internal/kv/tuple"

// The key space of this room. Every key is a tuple that begins with "cloudformation" and
// one of these:
//
//	stack    | uuid                     → see stack
//	name     | account | region | name  → the UUID of the stack that has the name now
//	list     | account | region | uuid  → empty: all stacks, also deleted ones
//	body     | uuid | number            → a template's text
//	resource | uuid | logical ID        → see resource
//	event    | uuid | stamp             → see event
//	export   | account | region | name  → see export
//	import   | account | region | export's name | importing stack's UUID → its name
//	changeset   | stack's UUID | name → see changeSet
//	changesetid | account | UUID      → its stack's UUID and its name
const room = "cloudformation"

func stackKey(uuid string) []byte { return tuple.Of(room, "stack", uuid) }
func nameKey(account, region, name string) []byte {
	return tuple.Of(room, "name", account, region, name)
}
func listPrefix(account, region string) []byte { return tuple.Of(room, "list", account, region) }
func listKey(s *stack) []byte                  { return tuple.Of(room, "list", s.Account, s.Region, s.UUID) }
func bodyKey(uuid string, number int) []byte {
	return tuple.AppendUint(tuple.Of(room, "body", uuid), uint64(number))
}
func resourcesOf(uuid string) []byte     { return tuple.Of(room, "resource", uuid) }
func resourceKey(uuid, id string) []byte { return tuple.Of(room, "resource", uuid, id) }
func eventsOf(uuid string) []byte        { return tuple.Of(room, "event", uuid) }
func exportsOf(account, region string) []byte {
	return tuple.Of(room, "export", account, region)
}
func exportKey(account, region, name string) []byte {
	return tuple.Of(room, "export", account, region, name)
}
func importsOf(account, region, export string) []byte {
	return tuple.Of(room, "import", account, region, export)
}
func importKey(account, region, export, uuid string) []byte {
	return tuple.Of(room, "import", account, region, export, uuid)
}
