import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import { connectDomain } from '../domains/domains.ts'
import { type Tx, transaction } from '../platform/database.ts'
import type { ErrorCode } from '../platform/errors.ts'
import { tryLogin } from '../testing/log-in.ts'
import { runJobs } from '../testing/test-jobs.ts'
import { eventsOf } from '../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox } from '../testing/test-platform.ts'
import { addAlias, aliasesPerMailboxMax, expireAliases, listAliases, updateAlias } from './aliases.ts'
import { type EngineChange, engineOf, setEngines } from './engines.ts'
import { deleteMailbox, getMailbox, listMailboxes, suspendMailbox } from './mailboxes.ts'
import { type Rename, renameMailbox } from './rename.ts'
import { defaultMailboxSettings } from './workspace-settings.ts'

const t = await startTestPlatform()
after(() => t[Symbol.asyncDispose]())
const { platform, scope } = t
const { db } = platform
const inTx = <T>(work: (tx: Tx) => Promise<T>): Promise<T> => transaction(db, work)
const rename = (ref: string, wanted: string | Rename, by: Scope = scope) =>
  inTx((tx) =>
    renameMailbox(platform, tx, by, ref, typeof wanted === 'string' ? { address: wanted } : wanted),
  )

await t.connectActiveDomain('other.example')
await inTx((tx) => connectDomain(platform, tx, scope, 'later.example'))

/** The rows of a mailbox in the namespace, each with the domain that it is under. */
async function addressesOf({ mailboxId }: TestMailbox): Promise<string[]> {
  const { rows } = await sql<{ kept: string }>`
    select concat_ws(' ', kind, address, (select name from domains where id = domain_id)) as kept from addresses
    where mailbox_id = ${mailboxId} order by 1`.execute(db)
  return rows.map(({ kept }) => kept)
}

const daysFromNow = (at: Date | null | undefined): number | null =>
  at ? Math.round((at.getTime() - platform.clock.now().getTime()) / 86_400_000) : null

describe('a new local part', () => {
  test('the same mailbox, found by both addresses', async () => {
    const box = await t.createMailbox('ann@demo.test')
    const { mailbox, alias } = await rename('ann@demo.test', 'Ann.Lee@demo.test')
    assert.deepEqual(
      [mailbox.id, mailbox.address, mailbox.version, mailbox.state],
      [box.mailboxId, 'ann.lee@demo.test', 2, 'active'],
    )
    assert.equal(daysFromNow(alias?.expires_at), defaultMailboxSettings.rename_alias_days)
    assert.match(alias?.description ?? '', /renamed to ann\.lee@demo\.test/)
    const both = ['alias ann@demo.test demo.test', 'mailbox ann.lee@demo.test demo.test']
    assert.deepEqual(await addressesOf(box), both)
    for (const ref of ['ann@demo.test', 'ann.lee@demo.test', box.mailboxId]) {
      assert.equal((await getMailbox(platform, scope, ref)).id, box.mailboxId)
    }
    const search = { domain: null, state: null, search: 'ann.lee@', tag: null }
    const { rows } = await listMailboxes(platform, scope, search, { limit: 5, after: null })
    assert.deepEqual(
      rows.map(({ id }) => id),
      [box.mailboxId],
    )
  })

  test('the new address logs in, the old one no more', async () => {
    const box = await t.createMailbox('login@demo.test')
    await rename(box.address, 'login2@demo.test')
    assert.equal(
      (await tryLogin(platform, 'imap', 'login2@demo.test', box.password))?.mailboxId,
      box.mailboxId,
    )
    assert.equal(await tryLogin(platform, 'imap', 'login@demo.test', box.password), null)
  })

  test('its events say what was and what is', async () => {
    const box = await t.createMailbox('events@demo.test')
    const { alias } = await rename(box.address, 'events2@demo.test')
    const [created, renamed] = (await eventsOf(platform, box.mailboxId)).slice(-2)
    assert.deepEqual(created?.type, 'address.created')
    assert.deepEqual(renamed, {
      type: 'mailbox.renamed',
      data: {
        mailbox_id: box.mailboxId,
        from: 'events@demo.test',
        to: 'events2@demo.test',
        alias_until: alias?.expires_at?.toISOString(),
      },
    })
  })

  test('to the address that it has, nothing is done', async () => {
    const box = await t.createMailbox('same@demo.test')
    assert.equal((await rename(box.address, 'SAME@demo.test')).mailbox.version, 1)
    assert.deepEqual(await addressesOf(box), ['mailbox same@demo.test demo.test'])
  })
})

describe('how long the old address stays', () => {
  const rows: [what: string, aliasDays: number | null | undefined, want: number | null | 'gone'][] = [
    ['three days', 3, 3],
    ['for ever', null, null],
    ['not at all', 0, 'gone'],
    ['as the workspace says', undefined, 7],
  ]
  for (const [index, [what, aliasDays, want]] of rows.entries()) {
    test(what, async () => {
      await db
        .insertInto('mailbox_settings')
        .values({ workspace_id: scope.workspaceId, ...defaultMailboxSettings, rename_alias_days: 7 })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
      const box = await t.createMailbox(`days${index}@demo.test`)
      const wanted = {
        address: `renamed${index}@demo.test`,
        ...(aliasDays === undefined ? {} : { aliasDays }),
      }
      const { alias } = await rename(box.address, wanted)
      assert.equal(alias === null ? 'gone' : daysFromNow(alias.expires_at), want)
      assert.equal((await addressesOf(box)).length, want === 'gone' ? 1 : 2)
    })
  }

  test('when they are over, a job removes it and says so; aliases without an end stay', async () => {
    const box = await t.createMailbox('over@demo.test')
    await inTx((tx) => addAlias(platform, tx, scope, box.address, 'stays@demo.test', 'sales'))
    await rename(box.address, { address: 'over2@demo.test', aliasDays: 2 })
    await runJobs(platform)
    assert.equal(await expireAliases(platform), 0)
    platform.clock.advance?.('P2DT1M')
    assert.ok((await expireAliases(platform)) >= 1)
    assert.deepEqual(
      (await listAliases(platform, scope, box.mailboxId)).map(({ address }) => address),
      ['stays@demo.test'],
    )
    const [last] = (await eventsOf(platform, box.mailboxId)).slice(-1)
    assert.equal(last?.type, 'address.deleted')
    await t.createMailbox('over@demo.test')
  })
})

describe('where it may go', () => {
  test('back to its old address, and to an alias of its own, which ends as an alias', async () => {
    const box = await t.createMailbox('back@demo.test')
    await rename(box.address, 'forth@demo.test')
    const { mailbox } = await rename('forth@demo.test', 'back@demo.test')
    assert.deepEqual([mailbox.address, mailbox.version], ['back@demo.test', 3])
    const both = ['alias forth@demo.test demo.test', 'mailbox back@demo.test demo.test']
    assert.deepEqual(await addressesOf(box), both)
    await inTx((tx) => updateAlias(platform, tx, scope, box.mailboxId, 'forth@demo.test', { enabled: false }))
    await rename(box.mailboxId, 'forth@demo.test')
    await rename(box.mailboxId, 'back@demo.test')
    const [alias] = await listAliases(platform, scope, box.mailboxId)
    assert.deepEqual([alias?.address, alias?.enabled], ['forth@demo.test', true])
  })

  test('into another domain, where its domain changes with it and the alias stays behind', async () => {
    const box = await t.createMailbox('mover@demo.test')
    const { mailbox } = await rename(box.address, 'mover@other.example')
    assert.equal(mailbox.state, 'active')
    const both = ['alias mover@demo.test demo.test', 'mailbox mover@other.example other.example']
    assert.deepEqual(await addressesOf(box), both)
    const inOther = { domain: 'other.example', state: null, search: null, tag: null }
    const { rows } = await listMailboxes(platform, scope, inOther, { limit: 5, after: null })
    assert.ok(rows.some(({ id }) => id === box.mailboxId))
  })

  test('one that waits for its domain waits with another, and wakes on an active one', async () => {
    const box = await t.createMailbox('early@later.example')
    assert.equal((await rename(box.address, 'early2@later.example')).mailbox.state, 'waiting_domain')
    await rename(box.mailboxId, 'early@other.example')
    await runJobs(platform)
    assert.equal((await getMailbox(platform, scope, box.mailboxId)).state, 'active')
  })

  test('a suspended one stays suspended', async () => {
    const box = await t.createMailbox('still@demo.test')
    await inTx((tx) => suspendMailbox(platform, tx, scope, box.address))
    assert.equal((await rename(box.address, 'still2@demo.test')).mailbox.state, 'suspended')
  })

  const refused: [what: string, address: string, want: ErrorCode][] = [
    ['no address', 'nobody', 'address_invalid'],
    ['another mailbox’s address', 'taken@demo.test', 'address_taken'],
    ['another mailbox’s alias', 'alias-of-taken@demo.test', 'address_taken'],
    ['a domain that is not here', 'a@nowhere.example', 'domain_not_found'],
    ['a domain that is not active yet', 'a@later.example', 'domain_not_usable'],
    ['a suspended domain', 'a@stopped.example', 'domain_not_usable'],
  ]
  test('refused', async () => {
    await t.createMailbox('taken@demo.test')
    await inTx((tx) => addAlias(platform, tx, scope, 'taken@demo.test', 'alias-of-taken@demo.test'))
    const { id } = await t.connectActiveDomain('stopped.example')
    await db.updateTable('domains').set({ state: 'suspended' }).where('id', '=', id).execute()
    const box = await t.createMailbox('refused@demo.test')
    for (const [what, address, code] of refused) {
      await assert.rejects(rename(box.address, address), { code }, what)
    }
    const asKey = { ...scope, mailboxId: box.mailboxId }
    await assert.rejects(rename(box.address, 'own@demo.test', asKey), { code: 'forbidden' })
    const reader: Scope = { ...scope, access: 'read' }
    await assert.rejects(rename(box.address, 'own@demo.test', reader), { code: 'forbidden' })
    assert.deepEqual(await addressesOf(box), ['mailbox refused@demo.test demo.test'])
  })

  test('a deleted one is not renamed', async () => {
    const box = await t.createMailbox('deleted@demo.test')
    await inTx((tx) => deleteMailbox(platform, tx, scope, box.address, { purge: false }))
    await assert.rejects(rename(box.address, 'alive@demo.test'), { code: 'mailbox_state_conflict' })
  })

  test('one with as many aliases as it may have cannot leave another', async () => {
    const box = await t.createMailbox('many@demo.test')
    const { id } = await t.connectActiveDomain('many.example')
    await sql`insert into addresses (address, kind, workspace_id, domain_id, mailbox_id, created_at)
      select n || '@many.example', 'alias', ${scope.workspaceId}, ${id}, ${box.mailboxId}, now()
      from generate_series(1, ${aliasesPerMailboxMax}::int) as n`.execute(db)
    await assert.rejects(rename(box.address, 'more@demo.test'), { code: 'address_limit_reached' })
    await rename(box.address, { address: 'more@demo.test', aliasDays: 0 })
    await rename(box.mailboxId, '7@many.example')
    assert.equal((await listAliases(platform, scope, box.mailboxId)).length, aliasesPerMailboxMax)
  })

  test('two at once for one address: one gets it', async () => {
    const boxes = [await t.createMailbox('one@demo.test'), await t.createMailbox('two@demo.test')]
    const outcomes = await Promise.allSettled(boxes.map(({ address }) => rename(address, 'prize@demo.test')))
    const refusals = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []))
    assert.deepEqual(refusals, ['address_taken'])
  })
})

test('its service hears of it; one that has no call for it refuses', async () => {
  const local = engineOf(platform, 'local')
  assert.ok(local)
  const told: EngineChange[] = []
  const google = {
    ...local,
    changed: async (_platform: unknown, _tx: unknown, _ids: unknown, change: EngineChange) =>
      void told.push(change),
  }
  setEngines(
    platform,
    new Map([
      ['local', local],
      ['google', google],
      ['microsoft', { ...local, capabilities: { ...local.capabilities, rename: false } }],
    ]),
  )
  const box = await t.createMailbox('served@demo.test')
  const runBy = (service: 'google' | 'microsoft') =>
    db.updateTable('mailboxes').set({ service }).where('id', '=', box.mailboxId).execute()
  await runBy('google')
  await rename(box.address, 'served2@demo.test')
  assert.deepEqual(told, ['address', 'aliases'])
  await runBy('microsoft')
  await assert.rejects(rename(box.mailboxId, 'served3@demo.test'), { code: 'service_cannot' })
  setEngines(platform, new Map([['local', local]]))
  await assert.rejects(rename(box.mailboxId, 'served3@demo.test'), { code: 'service_unavailable' })
})
