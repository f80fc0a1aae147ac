module github.com/modelwharf/modelwharf

go 1.26.0
