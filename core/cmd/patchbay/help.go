package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/patchbay-io/patchbay/core/diag"
	"github.com/spf13/cobra"
)

var codePattern = regexp.MustCompile(`(?i)^PB\d+$`)

// codeHelp is what help says of a code.
type codeHelp struct {
	Code        diag.Code `json:"code"`
	Group       string    `json:"group"`
	Explanation string    `json:"explanation"`
	Wrong       string    `json:"wrong,omitempty"`
	Right       string    `json:"right,omitempty"`
}

func helpOf(code diag.Code) codeHelp {
	text, _ := diag.Explain(code)
	x, _ := diag.ExampleOf(code)
	return codeHelp{code, diag.Group(code), text, x.Wrong, x.Right}
}

func (a *app) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | CODE | codes]",
		Short: "Explain a command or the code of a message",
		Long: `Help explains a command, or what a code such as PB2105 means and how to mend what
it was reported for. "help codes" lists all codes.`,
		Example: `  patchbay help events
  patchbay help PB2105
  patchbay help codes --json`,
		ValidArgsFunction: helpTopics,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 1 && args[0] == "codes":
				return a.allCodes()
			case len(args) == 1 && codePattern.MatchString(args[0]):
				return a.oneCode(diag.Code(strings.ToUpper(args[0])))
			}
			target, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usage("there is no command %q; patchbay help lists them", strings.Join(args, " "))
			}
			return a.helpOn(target)
		},
	}
}

// helpOn explains a command.
func (a *app) helpOn(cmd *cobra.Command) error {
	data := struct {
		Command string `json:"command"`
		Text    string `json:"text"`
	}{commandName(cmd), helpText(cmd)}
	return a.answer(data, nil, func() error {
		_, err := fmt.Fprint(a.stdout, data.Text)
		return err
	})
}

// helpText is a command's help as Help prints it.
func helpText(cmd *cobra.Command) string {
	cmd.InitDefaultHelpFlag()
	var b strings.Builder
	out := cmd.OutOrStdout()
	cmd.SetOut(&b)
	defer cmd.SetOut(out)
	_ = cmd.Help() // into memory
	return b.String()
}

func (a *app) oneCode(code diag.Code) error {
	if _, ok := diag.Explain(code); !ok {
		var known []string
		for _, c := range diag.Codes() {
			known = append(known, string(c))
		}
		hint := ""
		if near := diag.Suggest(string(code), known); near != "" {
			hint = fmt.Sprintf(" Did you mean %s?", near)
		}
		return &problem{exit: exitInvalid, code: "not_found", err: fmt.Errorf("there is no code %s; patchbay help codes lists them.%s", code, hint)}
	}
	h := helpOf(code)
	return a.answer(h, nil, func() error {
		fmt.Fprintf(a.stdout, "%s  %s\n\n%s\n", h.Code, h.Group, wrap(h.Explanation, helpWidth))
		if h.Wrong != "" {
			fmt.Fprintf(a.stdout, "\nWrong:\n%s\nRight:\n%s", indent(h.Wrong), indent(h.Right))
		}
		return nil
	})
}

func (a *app) allCodes() error {
	var all []codeHelp
	for _, code := range diag.Codes() {
		all = append(all, helpOf(code))
	}
	return a.answer(all, nil, func() error {
		group := ""
		for _, h := range all {
			if h.Group != group {
				if group != "" {
					fmt.Fprintln(a.stdout)
				}
				group = h.Group
				fmt.Fprintf(a.stdout, "%s\n", group)
			}
			first, _, _ := strings.Cut(wrap(diag.Heading(h.Code), helpWidth-len("  PB0000  ")), "\n")
			if first != diag.Heading(h.Code) {
				first += " …"
			}
			fmt.Fprintf(a.stdout, "  %s  %s\n", h.Code, first)
		}
		return nil
	})
}

// helpWidth is how wide text is set where nobody says how wide the terminal is.
const helpWidth = 80

// wrap sets a paragraph in lines of at most width characters, longer words
// aside.
func wrap(text string, width int) string {
	var b strings.Builder
	at := 0
	for i, word := range strings.Fields(text) {
		n := len([]rune(word))
		switch {
		case i == 0:
		case at+1+n > width:
			b.WriteByte('\n')
			at = 0
		default:
			b.WriteByte(' ')
			at++
		}
		b.WriteString(word)
		at += n
	}
	return b.String()
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ") + "\n"
}
