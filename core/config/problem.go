package config

import (
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/patchbay-io/patchbay/sdk/wire"
)

// Problem turns a plugin's finding about its arguments into a diagnostic at the
// place where the argument, or else the nearest block around it, is written.
// context and ranges are those of the source or sink. A plugin's text is
// untrusted: it's cut to length, and secrets in it are blanked out (I14).
func (c *Config) Problem(context string, ranges map[string]hcl.Range, d *wire.Diagnostic) diag.Diagnostic {
	out := diag.Diagnostic{
		Code: diag.PluginRejected, Context: context,
		Summary: shorten(c.Mask(d.GetSummary()), maxSyntaxText), Detail: shorten(c.Mask(d.GetDetail()), maxSyntaxText),
	}
	if d.GetSeverity() == wire.Diagnostic_SEVERITY_WARNING {
		out.Severity = diag.Warning
	}
	for path := d.GetPath(); ; {
		if r, ok := ranges[path]; ok {
			out.Subject = &r
			return out
		}
		if path == "" {
			return out
		}
		path = path[:max(strings.LastIndexByte(path, '.'), 0)]
	}
}

// Context names the source in diagnostics.
func (s *Source) Context() string { return s.Block }

// Context names the sink in diagnostics.
func (s *Sink) Context() string { return s.Block }

// Mask blanks out the configuration's secrets in a text (I14).
func (c *Config) Mask(text string) string {
	for _, s := range c.Secrets {
		text = strings.ReplaceAll(text, s, "********")
	}
	return text
}
