import { type RawBuilder, sql } from 'kysely'

/**
 * All columns of a table by their names: a prepared statement with a `*` fails on every node that runs once a migration adds
 * one.
 * @param table put before each; default: nothing, for statements that read of this table alone.
 */
export function columnList<Table>(
  columns: Readonly<Record<keyof Table & string, true>>,
  table?: string,
): RawBuilder<unknown> {
  const prefix = table === undefined ? '' : `${table}.`
  return sql.raw(
    Object.keys(columns)
      .map((column) => prefix + column)
      .join(', '),
  )
}
