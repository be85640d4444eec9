import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { freshDatabase } from '../testing/test-database.ts'
import { type Database, openDatabase } from './database.ts'
import { mergeMigrations, migrate, requireServerVersion, sqlMigration } from './migrations.ts'

const stack = new AsyncDisposableStack()
after(() => stack.disposeAsync())
const connectionString = await freshDatabase(stack)

function open(options = ''): Database {
  const database = openDatabase({
    connectionString: options === '' ? connectionString : withOptions(options),
    connectionsMax: 3,
    onError: () => undefined,
  })
  stack.defer(() => database.close())
  return database
}

function withOptions(options: string): string {
  const separator = connectionString.includes('?') ? '&' : '?'
  return `${connectionString}${separator}options=${encodeURIComponent(options)}`
}

const first = { '0001_first': sqlMigration('create table first (n int)', 'insert into first values (1)') }
const second = { '0002_second': sqlMigration('create table second (n int)') }
const { db } = open()

test('what is new is applied in the order of the numbers, once', async () => {
  assert.deepEqual(await migrate(db, first), ['0001_first'])
  assert.deepEqual(await migrate(db, mergeMigrations(second, first)), ['0002_second'])
  assert.deepEqual(await migrate(db, mergeMigrations(first, second)), [])
  assert.deepEqual((await sql`select n from first`.execute(db)).rows, [{ n: 1 }])
})

test('a run that fails leaves nothing of itself, and says why', async () => {
  const broken = {
    '0003_good': sqlMigration('create table third (n int)'),
    '0004_broken': sqlMigration('create table fourth (n int)', 'select 1 / 0'),
  }
  await assert.rejects(
    migrate(db, mergeMigrations(first, second, broken)),
    ({ message, cause }: Error) =>
      /could not be migrated/.test(message) && /division by zero/.test(String(cause)),
  )
  const { rows } = await sql`select to_regclass('third') as third, to_regclass('fourth') as fourth`.execute(
    db,
  )
  assert.deepEqual(rows, [{ third: null, fourth: null }])
})

test('nodes that start at the same moment apply each migration once', async () => {
  const slow = { '0003_slow': sqlMigration('select pg_sleep(0.1)', 'create table third (n int)') }
  const all = mergeMigrations(first, second, slow)
  const applied = await Promise.all([
    migrate(open().db, all),
    migrate(open().db, all),
    migrate(open().db, all),
  ])
  assert.deepEqual(applied.flat(), ['0003_slow'])
})

test('a database of a newer program is refused', async () => {
  await assert.rejects(migrate(db, first), /could not be migrated/)
})

const badNames = ['1_short', '00010_long', '0005-dash', 'first', '0001_again']
for (const name of badNames) {
  test(`a migration ${name} beside 0001_first is refused`, () => {
    assert.throws(() => mergeMigrations(first, { [name]: sqlMigration() }), new RegExp(name))
  })
}

test('the server is new enough', async () => {
  await requireServerVersion(db)
})

test('a server that is older than PostgreSQL 15 is refused, with its version', async () => {
  // A look-up that finds this function before PostgreSQL's own: an old server, as far as the program can see.
  await sql`create function public.current_setting(text) returns text language sql as $$ select '140005' $$`.execute(
    db,
  )
  const old = open('-c search_path=public,pg_catalog')
  await assert.rejects(requireServerVersion(old.db), /PostgreSQL 15 or newer .* version 14$/)
})
