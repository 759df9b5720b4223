package layout

import (
	"go/ast"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestEveryExportedNameIsDocumented(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.file.Name.Name == "main" {
			continue
		}
		for _, d := range s.file.Decls {
			for _, name := range undocumented(d) {
				assert.Fail(t, "exported without a doc comment", "%s: %s", s.name, name)
			}
		}
	}
}

func undocumented(d ast.Decl) []string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if name, exported := declared(d); exported && d.Doc == nil && !explained(d) {
			return []string{name[0]}
		}
	case *ast.GenDecl:
		var names []string
		for _, spec := range d.Specs {
			names = append(names, undocumentedSpec(d, spec)...)
		}
		return names
	}
	return nil
}

// undocumentedSpec: the comment of a group speaks for all in it, as does one at
// the end of a constant's line.
func undocumentedSpec(d *ast.GenDecl, spec ast.Spec) []string {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if spec.Name.IsExported() && spec.Doc == nil && d.Doc == nil {
			return []string{spec.Name.Name}
		}
	case *ast.ValueSpec:
		if spec.Doc != nil || spec.Comment != nil || d.Doc != nil {
			return nil
		}
		var names []string
		for _, n := range spec.Names {
			if n.IsExported() {
				names = append(names, n.Name)
			}
		}
		return names
	}
	return nil
}

// explained are the methods whose meaning a well-known interface gives.
func explained(d *ast.FuncDecl) bool {
	return d.Recv != nil && slices.Contains([]string{"Error", "Unwrap", "String", "Is", "As"}, d.Name.Name)
}

// declared returns the names that a declaration brings in, and whether one can
// be reached from outside. A method's name is "Type.Name".
func declared(d ast.Decl) (names []string, exported bool) {
	f, ok := d.(*ast.FuncDecl)
	if !ok {
		return nil, false
	}
	if f.Recv == nil {
		return []string{f.Name.Name}, f.Name.IsExported()
	}
	base := receiver(f.Recv.List[0].Type)
	return []string{base + "." + f.Name.Name}, ast.IsExported(base) && f.Name.IsExported()
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	documented, all := map[string]int{}, map[string]bool{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		all[s.folder] = true
		if s.file.Doc != nil {
			documented[s.folder]++
		}
	}
	for folder := range all {
		assert.Equal(t, 1, documented[folder], "files with a package comment in %q", folder)
	}
}
