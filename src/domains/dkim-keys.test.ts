import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { after, test } from 'node:test'
import { transaction } from '../platform/database.ts'
import { createVault, newMasterKey } from '../platform/vault.ts'
import { runJobs } from '../testing/test-jobs.ts'
import { masterKeyOf } from '../testing/test-node.ts'
import { startTestPlatform } from '../testing/test-platform.ts'
import { addMissingDkimKeys, dkimKeysOf, dkimRecord, dkimSignersOf, makeDkimKeys } from './dkim-keys.ts'
import { connectDomain, deleteDomain } from './domains.ts'
import { resealPrivateKeys } from './reseal.ts'

const t = await startTestPlatform()
after(() => t[Symbol.asyncDispose]())
const { platform, scope } = t
const { db } = platform

async function connect(name: string): Promise<string> {
  const { id } = await transaction(db, (tx) => connectDomain(platform, tx, scope, name))
  return id
}

async function keyRows(domainId: string) {
  return await db
    .selectFrom('dkim_keys')
    .selectAll()
    .where('domain_id', '=', domainId)
    .orderBy('selector')
    .execute()
}

test('a connected domain has no signers until a job has made its keys; then it has two, at once', async () => {
  const id = await connect('keys.test')
  assert.deepEqual(await dkimSignersOf(platform, 'keys.test'), [])
  await runJobs(platform)
  const signers = await dkimSignersOf(platform, 'keys.test')
  assert.deepEqual(
    signers.map(({ domain, selector, algorithm }) => [domain, selector, algorithm]),
    [
      ['keys.test', 'mwr1', 'rsa-sha256'],
      ['keys.test', 'mwe1', 'ed25519-sha256'],
    ],
  )
  assert.equal(signers[0]?.privateKey.asymmetricKeyDetails?.modulusLength, 2048)
  const events = await db
    .selectFrom('events')
    .select('data')
    .where('type', '=', 'domain.dkim_keys_created')
    .execute()
  assert.ok(events.some(({ data }) => JSON.stringify(data).includes(id)))
  assert.doesNotMatch(JSON.stringify(events), /PRIVATE|sealed/)
})

test('the records are those of the private keys', async () => {
  const id = await connect('records.test')
  await makeDkimKeys(platform, id)
  const [rsa, ed25519] = await dkimKeysOf(db, id)
  const signers = await dkimSignersOf(platform, 'records.test')
  assert.ok(rsa && ed25519 && signers[0] && signers[1])
  assert.match(dkimRecord(rsa), /^v=DKIM1; k=rsa; p=[A-Za-z0-9+/=]{392}$/)
  assert.match(dkimRecord(ed25519), /^v=DKIM1; k=ed25519; p=[A-Za-z0-9+/]{43}=$/)
  const publicKeys = signers.map(({ privateKey }) =>
    createPublicKey(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()).export({
      type: 'spki',
      format: 'der',
    }),
  )
  assert.equal(publicKeys[0]?.toString('base64'), rsa.public_key)
  assert.equal(publicKeys[1]?.subarray(-32).toString('base64'), ed25519.public_key)
})

test('jobs that run twice or at once make one pair', async () => {
  const id = await connect('twice.test')
  await Promise.all([makeDkimKeys(platform, id), makeDkimKeys(platform, id)])
  const before = await keyRows(id)
  await makeDkimKeys(platform, id)
  assert.equal(before.length, 2)
  assert.deepEqual(await keyRows(id), before)
})

test('domains of before get theirs, and one that lacks a key gets that one', async () => {
  const id = await connect('before.test')
  await makeDkimKeys(platform, id)
  const [kept] = await keyRows(id)
  await db.deleteFrom('dkim_keys').where('domain_id', '=', id).where('selector', '=', 'mwr1').execute()
  await addMissingDkimKeys(platform)
  await runJobs(platform)
  const rows = await keyRows(id)
  assert.deepEqual(
    rows.map(({ selector }) => selector),
    ['mwe1', 'mwr1'],
  )
  assert.deepEqual(rows[0], kept)
})

test('a deleted domain has no keys, and the next owner of the name gets others', async () => {
  const id = await connect('gone.test')
  await makeDkimKeys(platform, id)
  assert.equal((await dkimSignersOf(platform, 'gone.test')).length, 2)
  await transaction(db, (tx) => deleteDomain(platform, tx, scope, 'gone.test', async () => true))
  assert.deepEqual(await keyRows(id), [])
  assert.deepEqual(await dkimSignersOf(platform, 'gone.test'), [])
  await makeDkimKeys(platform, id)
  assert.deepEqual(await keyRows(id), [])
})

test('private keys are sealed, moved rows do not open, and a rotation seals them again', async () => {
  const id = await connect('sealed.test')
  await makeDkimKeys(platform, id)
  const [first, second] = await keyRows(id)
  assert.ok(first && second)
  const der = (await dkimSignersOf(platform, 'sealed.test'))[0]?.privateKey.export({
    type: 'pkcs8',
    format: 'der',
  })
  assert.ok(
    der && !Buffer.concat([first.sealed_private_key, second.sealed_private_key]).includes(der.subarray(-64)),
  )

  const newKey = newMasterKey()
  const rotating = { ...platform, vault: createVault(`${newKey}\n${await masterKeyOf(t)}`) }
  const resealed = await Promise.all([resealPrivateKeys(rotating), resealPrivateKeys(rotating)])
  assert.ok((resealed[0] ?? 0) + (resealed[1] ?? 0) >= 2)
  assert.equal(await resealPrivateKeys(rotating), 0)
  const rotated = { ...platform, vault: createVault(newKey) }
  assert.equal((await dkimSignersOf(rotated, 'sealed.test')).length, 2)
  // Another platform object has a cache of its own: this one's vault does not know the new key.
  const old = { ...platform }
  await assert.rejects(dkimSignersOf(old, 'sealed.test'), /master key/)
  await db
    .updateTable('dkim_keys')
    .set({ sealed_private_key: second.sealed_private_key })
    .where('id', '=', first.id)
    .execute()
  await assert.rejects(dkimSignersOf({ ...rotating }, 'sealed.test'), /does not open/)
})
