/** Looks for what must be gone through the whole database, whatever tables and columns there are. */
import { inflateSync, unzipSync, zstdDecompressSync } from 'node:zlib'
import { sql } from 'kysely'
import type { Db } from '../platform/database.ts'

type Column = { place: string; schema: string; table: string; column: string; type: string }

async function columnsOf(db: Db): Promise<Column[]> {
  const { rows } = await sql<Column>`
    select columns.table_schema as schema, columns.table_name as table, column_name as column, data_type as type,
      concat_ws('.', nullif(columns.table_schema, 'public'), columns.table_name, column_name) as place
    from information_schema.columns join information_schema.tables using (table_schema, table_name)
    where columns.table_schema in ('public', 'graphile_worker') and table_type = 'BASE TABLE'
    order by place`.execute(db)
  return rows
}

const readable = new Set(['text', 'character varying', 'json', 'jsonb', 'ARRAY'])

/**
 * The columns that have a text somewhere: as it is, in base64, and both of them compressed.
 * @param text of ASCII letters and digits.
 */
export async function columnsWithText(db: Db, text: string): Promise<string[]> {
  const forms = [text.toLowerCase(), ...base64FormsOf(text)]
  const found: string[] = []
  for (const one of await columnsOf(db)) {
    if (readable.has(one.type) && (await hasText(db, one, forms))) found.push(one.place)
    if (one.type === 'bytea' && (await hasBytes(db, one, forms))) found.push(one.place)
  }
  return found
}

/** The columns that have an id. */
export async function columnsWithId(db: Db, id: string): Promise<string[]> {
  const found: string[] = []
  for (const { place, schema, table, column, type } of await columnsOf(db)) {
    if (type !== 'uuid') continue
    const { rows } = await sql`
      select 1 from ${sql.id(schema, table)} where ${sql.id(column)} = ${id}::uuid limit 1`.execute(db)
    if (rows.length > 0) found.push(place)
  }
  return found
}

async function hasText(
  db: Db,
  { schema, table, column }: Column,
  forms: readonly string[],
): Promise<boolean> {
  const patterns = forms.map((form) => `%${form.toLowerCase()}%`)
  const { rows } = await sql`
    select 1 from ${sql.id(schema, table)} where lower(${sql.id(column)}::text) like any(${patterns}::text[])
    limit 1`.execute(db)
  return rows.length > 0
}

async function hasBytes(
  db: Db,
  { schema, table, column }: Column,
  forms: readonly string[],
): Promise<boolean> {
  const { rows } = await sql<{ value: Buffer }>`
    select ${sql.id(column)} as value from ${sql.id(schema, table)} where ${sql.id(column)} is not null`.execute(
    db,
  )
  return rows.some(({ value }) =>
    unpacked(value).some((bytes) => {
      const content = bytes.toString('latin1').toLowerCase()
      return forms.some((form) => content.includes(form.toLowerCase()))
    }),
  )
}

function unpacked(bytes: Buffer): Buffer[] {
  const ways = [zstdDecompressSync, unzipSync, inflateSync]
  return [bytes, ...ways.flatMap((unpack) => attempt(() => unpack(bytes)))]
}

function attempt(unpack: () => Buffer): Buffer[] {
  try {
    return [unpack()]
  } catch {
    return []
  }
}

/** How a text looks in base64, wherever in a group of three bytes it begins; its ends, which its neighbours share, cut. */
function base64FormsOf(text: string): string[] {
  return [0, 1, 2].map((offset) => {
    const encoded = Buffer.from('\0'.repeat(offset) + text).toString('base64')
    const start = Math.ceil((offset * 4) / 3)
    const end = Math.floor(((offset + text.length) * 4) / 3)
    return encoded.slice(start, end - 1)
  })
}
