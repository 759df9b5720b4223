package judge_test

import (
	"testing"

	"github.com/gormtrail/audit/internal/capturetest"
)

func TestJudge(t *testing.T) { capturetest.Judge(t) }
