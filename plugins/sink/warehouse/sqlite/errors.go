package sqlite

import (
	"errors"
	"fmt"

	"github.com/patchbay-io/patchbay/sdk"
	"zombiezen.com/go/sqlite"
)

// Codes of the dead letters that this sink makes.
const (
	codeConstraint = "constraint" // a rule of the database, for instance a trigger, refuses the row
	codeTooBig     = "too_big"    // the row exceeds SQLite's limit
	codeMismatch   = "mismatch"   // a value has a type that the column does not take
	codeRange      = "range"      // a number does not fit into 64 bits
)

// rejection says whether err is about the one row that was being written, and
// the dead letter's code.
func rejection(err error) (code string, ok bool) {
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultConstraint:
		return codeConstraint, true
	case sqlite.ResultTooBig:
		return codeTooBig, true
	case sqlite.ResultMismatch:
		return codeMismatch, true
	}
	return "", false
}

// condition is what an error says about the file as a whole.
type condition struct {
	class sdk.FailureClass
	code  string
	what  string // a sentence for the person who is alerted
}

var conditions = map[sqlite.ResultCode]condition{
	sqlite.ResultBusy:      {sdk.Transient, "busy", "another process is writing to the file"},
	sqlite.ResultLocked:    {sdk.Transient, "locked", "a table of the file is locked"},
	sqlite.ResultProtocol:  {sdk.Transient, "protocol", "another process holds the file's locks"},
	sqlite.ResultInterrupt: {sdk.Transient, "interrupted", "core stopped waiting"},
	sqlite.ResultNoMem:     {sdk.Transient, "no_memory", "memory ran out"},
	sqlite.ResultFull:      {sdk.Misconfigured, "disk_full", "the disk is full: free space or move the file"},
	sqlite.ResultIOErr:     {sdk.Misconfigured, "io_error", "the disk reports an error: check it and the kernel's log before going on"},
	sqlite.ResultReadOnly:  {sdk.Misconfigured, "read_only", "the file or its directory cannot be written: check the owner and the permissions"},
	sqlite.ResultPerm:      {sdk.Misconfigured, "permission", "access was refused: check the owner and the permissions"},
	sqlite.ResultAuth:      {sdk.Misconfigured, "permission", "access was refused: check the owner and the permissions"},
	sqlite.ResultCantOpen:  {sdk.Misconfigured, "cannot_open", "the file cannot be opened: check that its directory exists and can be written"},
	sqlite.ResultCorrupt:   {sdk.Misconfigured, "corrupt", "THE DATABASE IS DAMAGED: stop, copy the file, and restore it from a backup or rebuild it by a replay"},
	sqlite.ResultNotADB:    {sdk.Misconfigured, "not_a_database", "the file is no SQLite database, or it is damaged: name another file or restore it from a backup"},
	sqlite.ResultFormat:    {sdk.Misconfigured, "corrupt", "THE DATABASE IS DAMAGED: stop, copy the file, and restore it from a backup or rebuild it by a replay"},
	sqlite.ResultError:     {sdk.Misconfigured, "sql", "the tables are not what this version made: something else changed or removed them"},
	sqlite.ResultSchema:    {sdk.Transient, "schema", "another process changed the tables"},
}

// failure tells core what an error means for the sink as a whole. An error that
// is about rows, not the file, stays what it is: core then looks for the event
// at fault by halving the batch.
func failure(op string, err error) error {
	var f *sdk.Failure
	if err == nil || errors.As(err, &f) {
		return err
	}
	c, ok := conditions[sqlite.ErrCode(err).ToPrimary()]
	if !ok {
		return fmt.Errorf("sqlite: %s: %w", op, err)
	}
	return &sdk.Failure{Class: c.class, Code: c.code, Err: fmt.Errorf("sqlite: %s: %s: %w", op, c.what, err)}
}
