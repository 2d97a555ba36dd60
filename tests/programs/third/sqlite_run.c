/*
 * sqlite_run DATABASE ROWS: what a database does to memory and files: transactions with a journal, an index, a sort that
 * spills, a vacuum, and the engine's own check of all it has written. Ends with "ok" when that check does.
 *
 * sqlite_run DATABASE: opens what a cut may have left, lets the engine recover, and checks it. Each batch of rows was one
 * transaction of 100 rows, so any other number of rows is a torn transaction.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

static int print_row(void *context, int count, char **values, char **names)
{
    (void)context;
    (void)names;
    for (int i = 0; i < count; i++)
        printf("%s%s", i ? "|" : "", values[i] ? values[i] : "");
    puts("");
    fflush(stdout);
    return 0;
}

static void run(sqlite3 *database, const char *statement)
{
    char *error = NULL;

    if (sqlite3_exec(database, statement, print_row, NULL, &error) == SQLITE_OK)
        return;
    printf("%s: %s\n", statement, error);
    exit(1);
}

static void insert(sqlite3 *database, int row)
{
    char *statement = sqlite3_mprintf("insert into t(b, c) values('row %d', zeroblob(%d) || hex(%d))", row,
                                      row * 37 % 200, row * 7919);

    run(database, statement);
    sqlite3_free(statement);
}

static void fill(sqlite3 *database, int rows)
{
    run(database, "create table t(a integer primary key, b text, c blob)");
    for (int row = 0; row < rows; row++) {
        if (row % 100 == 0)
            run(database, "begin");
        insert(database, row);
        if (row % 100 < 99)
            continue;
        run(database, "commit");
        printf("committed %d\n", row + 1);
        fflush(stdout);
    }
}

static void work(sqlite3 *database)
{
    run(database, "create index i on t(b)");
    run(database, "select count(*), sum(length(c)) from t");
    run(database, "select b from t where b like 'row 77%' order by b desc limit 5");
    run(database, "select length(group_concat(b)) from (select b from t order by c, b)");
    run(database, "delete from t where a % 3 = 0");
    run(database, "vacuum");
}

int main(int count, char **words)
{
    sqlite3 *database;

    if (count < 2 || sqlite3_open(words[1], &database) != SQLITE_OK)
        return 2;
    if (count > 2) {
        /* FULL, the default, does not sync the folder that the journal was taken out of: after a cut it would be back */
        run(database, "pragma synchronous=extra");
        fill(database, atoi(words[2]));
        work(database);
    } else {
        run(database, "select count(*), count(*) % 100 from t");
    }
    run(database, "pragma integrity_check");
    return sqlite3_close(database) == SQLITE_OK ? 0 : 1;
}
