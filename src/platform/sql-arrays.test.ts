import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { type RawBuilder, sql } from 'kysely'
import { freshDatabase } from '../testing/test-database.ts'
import { openDatabase } from './database.ts'
import { newId } from './ids.ts'
import { int4Array, int8Array, timeArray, uuidArray } from './sql-arrays.ts'

const stack = new AsyncDisposableStack()
after(() => stack.disposeAsync())
const connectionString = await freshDatabase(stack)
const database = openDatabase({ connectionString, connectionsMax: 1, onError: () => undefined })
stack.defer(() => database.close())

async function read(array: RawBuilder<unknown>): Promise<unknown> {
  const { rows } = await sql<{ value: unknown }>`select ${array} as value`.execute(database.db)
  return rows[0]?.value
}

const ids = [newId(), newId()]
const times = [new Date(0), new Date('2026-11-20T10:00:00.123Z'), new Date('9999-12-31T23:59:59.999Z')]
const rows: [name: string, array: RawBuilder<unknown>, want: unknown][] = [
  ['uuids', uuidArray(ids), ids],
  ['uuids with a null', uuidArray([null, ...ids]), [null, ...ids]],
  ['no uuids', uuidArray([]), []],
  ['bigints', int8Array([0, -1, Number.MAX_SAFE_INTEGER]), ['0', '-1', '9007199254740991']],
  ['no bigints', int8Array([]), []],
  ['integers', int4Array([0, -1, 2 ** 31 - 1]), [0, -1, 2 ** 31 - 1]],
  ['times', timeArray(times), times],
  ['no times', timeArray([]), []],
]
for (const [name, array, want] of rows) {
  test(name, async () => assert.deepEqual(await read(array), want))
}

test('what is not such a value is refused by PostgreSQL, not slipped in', async () => {
  await assert.rejects(read(uuidArray([`${newId()},${newId()}x`])))
  await assert.rejects(read(int8Array([1.5])))
  await assert.rejects(read(int4Array([2 ** 31])))
})
