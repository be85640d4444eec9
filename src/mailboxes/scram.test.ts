import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { transaction } from '../platform/database.ts'
import { createVault, newMasterKey } from '../platform/vault.ts'
import { createScramClient, type ScramClientOptions } from '../testing/scram-client.ts'
import { startTestPlatform, type TestMailbox } from '../testing/test-platform.ts'
import { changePassword } from './credentials.ts'
import { suspendMailbox } from './mailboxes.ts'
import { storePassword } from './passwords.ts'
import { type ScramOptions, type ScramStep, startScram } from './scram.ts'
import { deriveKeys, hmac } from './scram-verifiers.ts'

const t = await startTestPlatform()
after(() => t[Symbol.asyncDispose]())
const { platform, scope } = t
const mailbox = await t.createMailbox('ann.lee@demo.test')
const exporter = { type: 'tls-exporter', data: Buffer.from('known to both ends') }
const overTls: Partial<ScramOptions> = { channelBindings: new Map([[exporter.type, exporter.data]]) }
const plus: Partial<ScramOptions> = { ...overTls, mechanism: 'SCRAM-SHA-256-PLUS' }

/** The outcome: an address, the error that the client is told, or what kind of step came. */
async function attempt(
  client: Partial<ScramClientOptions> = {},
  server: Partial<ScramOptions> = {},
): Promise<string> {
  const options = { username: mailbox.address, password: mailbox.password, ...client }
  const scram = createScramClient(options)
  const exchange = startScram(platform, {
    protocol: 'imap',
    remoteAddress: '127.0.0.1',
    mechanism: 'SCRAM-SHA-256',
    channelBindings: new Map(),
    ...server,
  })
  const challenge = await exchange.receive(scram.first)
  if (challenge.kind !== 'challenge') return outcomeOf(challenge)
  const step = await exchange.receive(scram.final(challenge.bytes))
  if (step.kind === 'done') assert.ok(scram.verifies(step.bytes), 'the server proves itself too')
  return outcomeOf(step)
}

function outcomeOf(step: ScramStep): string {
  if (step.kind === 'done') return step.login.address
  return step.kind === 'refused' ? `${step.bytes} ${step.reason}` : step.kind
}

async function sealedVerifier({ mailboxId }: TestMailbox): Promise<Buffer | null> {
  const row = await platform.db
    .selectFrom('mailbox_passwords')
    .select('sealed_scram_verifier')
    .where('mailbox_id', '=', mailboxId)
    .where('name', '=', 'primary')
    .executeTakeFirstOrThrow()
  return row.sealed_scram_verifier
}

test('the example of RFC 7677 §3', async () => {
  const nonce = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0'
  const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
  const { serverKey } = await deriveKeys('pencil', { salt, iterations: 4096 })
  const signed = `n=user,r=rOprNGfwEbeRWgbNEkqO,r=${nonce},s=${salt.toString('base64')},i=4096,c=biws,r=${nonce}`
  assert.equal(hmac(serverKey, signed).toString('base64'), '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')
  const client = createScramClient({ username: 'user', password: 'pencil', nonce: 'rOprNGfwEbeRWgbNEkqO' })
  const final = client.final(Buffer.from(`r=${nonce},s=${salt.toString('base64')},i=4096`))
  assert.match(final.toString(), /,p=dHzbZapWIk4jUhN\+Ute9ytag9zjfMHgsqmmiz7AndVQ=$/)
})

const cases: [
  what: string,
  client: Partial<ScramClientOptions>,
  server: Partial<ScramOptions>,
  want: string,
][] = [
  ['the right password', {}, {}, 'ann.lee@demo.test'],
  ['again, by the kept verifier', {}, {}, 'ann.lee@demo.test'],
  ['another spelling of the address', { username: 'Ann.Lee@DEMO.TEST' }, {}, 'ann.lee@demo.test'],
  ['as oneself', { authorizationId: 'ann.lee@demo.test' }, {}, 'ann.lee@demo.test'],
  ['a wrong password', { password: 'wrong' }, {}, 'e=invalid-proof credentials'],
  ['a password in another case', { password: 'CORRECT HORSE BATTERY' }, {}, 'e=invalid-proof credentials'],
  ['nobody', { username: 'bob@demo.test' }, {}, 'e=invalid-proof credentials'],
  ['no address', { username: 'bob' }, {}, 'e=invalid-proof credentials'],
  ['as somebody else', { authorizationId: 'bob@demo.test' }, {}, 'e=other-error authorization'],
  ['a control character', { username: 'a\u0007' }, {}, 'e=invalid-username-encoding credentials'],
  ['tls-exporter', { binding: exporter }, plus, 'ann.lee@demo.test'],
  ['no binding over TLS', { binding: 'n' }, overTls, 'ann.lee@demo.test'],
  ['-PLUS was hidden', { binding: 'y' }, overTls, 'e=server-does-support-channel-binding credentials'],
  ['y where -PLUS is not offered', { binding: 'y' }, {}, 'ann.lee@demo.test'],
  ['-PLUS without a binding', { binding: 'n' }, plus, 'e=channel-binding-not-supported credentials'],
  ['a binding without -PLUS', { binding: exporter }, overTls, 'e=channel-binding-not-supported credentials'],
  [
    'another type',
    { binding: { type: 'tls-unique', data: exporter.data } },
    plus,
    'e=unsupported-channel-binding-type credentials',
  ],
  [
    'another channel',
    { binding: { type: 'tls-exporter', data: Buffer.from('somebody between us') } },
    plus,
    'e=channel-bindings-dont-match credentials',
  ],
]
for (const [what, client, server, want] of cases) {
  test(what, async () => assert.equal(await attempt(client, server), want))
}

test('what is altered on the way is refused', async () => {
  const alterations: [RegExp, string][] = [
    [/^c=biws/, 'c=eSws'],
    [/,r=./, ',r=!'],
    [/,p=/, ',x=y,p='],
    [/,p=.*$/, ',p=AAAA'],
  ]
  for (const [pattern, replacement] of alterations) {
    const client = createScramClient({ username: mailbox.address, password: mailbox.password })
    const exchange = startScram(platform, {
      protocol: 'imap',
      remoteAddress: '127.0.0.1',
      mechanism: 'SCRAM-SHA-256',
      channelBindings: new Map(),
    })
    const challenge = await exchange.receive(client.first)
    assert.equal(challenge.kind, 'challenge')
    if (challenge.kind !== 'challenge') return
    const final = client.final(challenge.bytes).toString().replace(pattern, replacement)
    assert.equal((await exchange.receive(Buffer.from(final))).kind, 'refused', replacement)
    assert.equal((await exchange.receive(Buffer.from(final))).kind, 'malformed', 'it is over')
  }
})

test('an address that nobody has gets a salt that stays, and nonces differ', async () => {
  const challengeOf = async (username: string): Promise<RegExpExecArray> => {
    const exchange = startScram(platform, {
      protocol: 'imap',
      remoteAddress: '127.0.0.1',
      mechanism: 'SCRAM-SHA-256',
      channelBindings: new Map(),
    })
    const step = await exchange.receive(createScramClient({ username, password: 'x' }).first)
    assert.equal(step.kind, 'challenge')
    const parts = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(step.kind === 'challenge' ? step.bytes.toString() : '')
    assert.ok(parts)
    return parts
  }
  const [first, second, other, real] = await Promise.all(
    ['nobody@demo.test', 'Nobody@demo.test', 'nobody2@demo.test', mailbox.address].map(challengeOf),
  )
  assert.equal(first?.[2], second?.[2])
  assert.notEqual(first?.[1], second?.[1])
  assert.notEqual(first?.[2], other?.[2])
  assert.deepEqual([first?.[2]?.length, first?.[3]], [real?.[2]?.length, real?.[3]])
  assert.equal(real?.[2], (await challengeOf(mailbox.address))[2])
})

test('a verifier is made when first needed, kept sealed, and gone with its password', async () => {
  const own = await t.createMailbox()
  const as = (password: string): Promise<string> => attempt({ username: own.address, password })
  assert.equal(await sealedVerifier(own), null)
  await as('a wrong password')
  const kept = await sealedVerifier(own)
  assert.ok(kept)
  await as(own.password)
  assert.deepEqual(await sealedVerifier(own), kept, 'made once')
  await transaction(platform.db, (tx) =>
    changePassword(platform, tx, scope, own.mailboxId, 'another fine password'),
  )
  assert.equal(await sealedVerifier(own), null)
  assert.equal(await as(own.password), 'e=invalid-proof credentials')
  assert.equal(await as('another fine password'), own.address)
})

test('any of a mailbox’s passwords does', async () => {
  const own = await t.createMailbox()
  await platform.db
    .insertInto('mailbox_passwords')
    .values({
      mailbox_id: own.mailboxId,
      name: 'telephone',
      scheme: 'hmac-sha256',
      created_at: new Date(),
      ...storePassword(platform.vault, own.mailboxId, 'the telephone’s own'),
    })
    .execute()
  for (const password of ['the telephone’s own', own.password, 'the telephone’s own']) {
    assert.equal(await attempt({ username: own.address, password }), own.address)
  }
  assert.equal(await attempt({ username: own.address, password: 'no' }), 'e=invalid-proof credentials')
})

test('what one keyboard sends as two code points another sends as one', async () => {
  const own = await t.createMailbox()
  await transaction(platform.db, (tx) =>
    changePassword(platform, tx, scope, own.mailboxId, 'de\u0301ja\u0300 vu-vu'),
  )
  assert.equal(await attempt({ username: own.address, password: 'd\u00e9j\u00e0 vu-vu' }), own.address)
})

test('a mailbox that is not served does not log in', async () => {
  const own = await t.createMailbox()
  await transaction(platform.db, (tx) => suspendMailbox(platform, tx, scope, own.mailboxId))
  assert.equal(await attempt({ username: own.address }), 'e=invalid-proof credentials')
})

test('a verifier under an older master key is made again', async () => {
  const own = await t.createMailbox()
  const oldKey = newMasterKey()
  const newKey = newMasterKey()
  const logIn = async (keys: string): Promise<string> => {
    const onNode = { ...platform, vault: createVault(keys) }
    const client = createScramClient({ username: own.address, password: own.password })
    const exchange = startScram(onNode, {
      protocol: 'imap',
      remoteAddress: '127.0.0.1',
      mechanism: 'SCRAM-SHA-256',
      channelBindings: new Map(),
    })
    const challenge = await exchange.receive(client.first)
    assert.equal(challenge.kind, 'challenge')
    return challenge.kind === 'challenge'
      ? outcomeOf(await exchange.receive(client.final(challenge.bytes)))
      : ''
  }
  await platform.db
    .updateTable('mailbox_passwords')
    .set(storePassword(createVault(oldKey), own.mailboxId, own.password))
    .where('mailbox_id', '=', own.mailboxId)
    .execute()
  assert.equal(await logIn(oldKey), own.address)
  const before = await sealedVerifier(own)
  assert.equal(await logIn(`${newKey},${oldKey}`), own.address)
  assert.notDeepEqual(await sealedVerifier(own), before)
})
