module github.com/gormtrail/audit/storage/pgnotify

go 1.26

require (
	github.com/gormtrail/audit v0.0.0
	github.com/jackc/pgx/v5 v5.10.0
)

require (
	github.com/google/uuid v1.6.0 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	golang.org/x/text v0.38.0 // indirect
)

replace github.com/gormtrail/audit => ../..
