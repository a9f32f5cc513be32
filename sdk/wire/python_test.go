package wire

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
)

// The Python that is generated from plugin.proto and kept in an example says what
// plugin.proto says.
func TestPythonIsUpToDate(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../examples/plugin-python/plugin_pb2.py")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`AddSerializedFile\(b'((?:[^'\\]|\\.)*)'\)`).FindSubmatch(text)
	if m == nil {
		t.Fatal("plugin_pb2.py has no description of a file")
	}
	data, err := pythonBytes(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	got := new(descriptorpb.FileDescriptorProto)
	if err := proto.Unmarshal(data, got); err != nil {
		t.Fatal(err)
	}
	want := protodesc.ToFileDescriptorProto(File_plugin_proto)
	for _, d := range []*descriptorpb.FileDescriptorProto{got, want} {
		d.Options = nil // they say where Go's code goes
		for _, m := range d.MessageType {
			clearNames(m)
		}
	}
	if !proto.Equal(got, want) {
		t.Errorf("examples/plugin-python/plugin_pb2.py is behind plugin.proto: its README says how to write it again; got\n%v\nwant\n%v", got, want)
	}
}

// clearNames removes the names of fields in JSON, which Python leaves out.
func clearNames(m *descriptorpb.DescriptorProto) {
	for _, f := range m.Field {
		f.JsonName = nil
	}
	for _, n := range m.NestedType {
		clearNames(n)
	}
}

// pythonBytes is what stands between the quotes of a Python literal of bytes.
// Go's literals differ in the quotes alone.
func pythonBytes(text string) ([]byte, error) {
	text = strings.ReplaceAll(text, `\'`, `'`)
	text = regexp.MustCompile(`(\\.)|"`).ReplaceAllStringFunc(text, func(s string) string {
		if s == `"` {
			return `\"`
		}
		return s
	})
	s, err := strconv.Unquote(`"` + text + `"`)
	return []byte(s), err
}
