package storage_test

import (
	"testing"

	"github.com/chancery-im/chancery/storage"
	"github.com/chancery-im/chancery/storage/storagetest"
)

func TestSQLiteRunsWithTheSettingsThatItsPromisesRestOn(t *testing.T) {
	db := storagetest.SQLite(t).Open(t)
	err := db.Write(ctx, func(tx *storage.Tx) error {
		for pragma, want := range map[string]string{
			"journal_mode": "wal", "synchronous": "2", "auto_vacuum": "2", "secure_delete": "1", "foreign_keys": "0",
		} {
			got, err := storage.ReadRows(&tx.ReadTx, "PRAGMA "+pragma)
			if err != nil || got[0] != want {
				t.Errorf("%s is %v, %v; want %s", pragma, got, err, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestEveryNumericKeyOfSQLiteIsTheRowNumber: a key of another type than INTEGER is a
// second tree beside the table.
func TestEveryNumericKeyOfSQLiteIsTheRowNumber(t *testing.T) {
	db := storagetest.SQLite(t).Open(t)
	read(t, db, func(tx *storage.ReadTx) error {
		bad, err := storage.ReadRows(tx, `SELECT m.name || '.' || c.name FROM sqlite_schema m, pragma_table_info(m.name) c
			WHERE m.type = 'table' AND c.pk = 1 AND c.type = 'BIGINT'
			AND NOT EXISTS (SELECT 1 FROM pragma_table_info(m.name) o WHERE o.pk = 2)`)
		if len(bad) > 0 {
			t.Errorf("not INTEGER: %v", bad)
		}
		return err
	})
}
