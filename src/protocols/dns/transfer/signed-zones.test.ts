/** Signed zones on secondaries, which answer from what they were given. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { delegationSigner } from '../../../domains/zones/dnssec/key-records.ts'
import { dnssecKeyOf, enableDnssec, makeDnssecKey } from '../../../domains/zones/dnssec/keys.ts'
import { renewSignedZones } from '../../../domains/zones/dnssec/renew.ts'
import { transaction } from '../../../platform/database.ts'
import { startSecondary } from '../../../testing/dns-secondaries.ts'
import { freePorts } from '../../../testing/free-ports.ts'
import { requireProgram } from '../../../testing/programs.ts'
import { temporaryDirectory } from '../../../testing/test-database.ts'
import { outputOf, startTestDnsServer, type TestDnsServer } from '../../../testing/test-dns-server.ts'

let t: TestDnsServer
let id: string
let anchors: string
const stack = new AsyncDisposableStack()
const zone = 'signed.example'

before(async () => {
  t = stack.use(await startTestDnsServer())
  id = await t.serve(zone, [
    [`www.${zone}`, 'A', '192.0.2.80'],
    [`alias.${zone}`, 'CNAME', `www.${zone}`],
    [`*.wild.${zone}`, 'A', '192.0.2.99'],
    [`a.deep.${zone}`, 'TXT', 'x'.repeat(600)],
    [`child.${zone}`, 'NS', `ns.child.${zone}`],
    [`ns.child.${zone}`, 'A', '192.0.2.81'],
  ])
  await transaction(t.platform.db, (tx) => enableDnssec(t.platform, tx, t.scope, id))
  await makeDnssecKey(t.platform, id)
  while ((await t.store.find(zone, 6))?.signer == null) await new Promise(setImmediate)
  const key = await dnssecKeyOf(t.platform.db, id)
  const { keyTag, algorithm, digestType, digest } = delegationSigner(
    zone,
    key?.public_key ?? Buffer.alloc(64),
  )
  anchors = join(await temporaryDirectory(stack), 'anchors')
  await writeFile(
    anchors,
    `trust-anchors { "${zone}." static-ds ${keyTag} ${algorithm} ${digestType} "${digest}"; };\n`,
  )
})
after(() => stack.disposeAsync())

test('BIND finds nothing wrong with the zone as a whole', async (context) => {
  if (!requireProgram(context, 'dnssec-verify') || !requireProgram(context, 'dig')) return
  const key = await t.createKey('verify.key')
  await t.addSecondary(key)
  const at = [`@${t.server.address}`, '-p', String(t.server.port)]
  const text = await outputOf('dig', [
    ...at,
    '-y',
    `${key.algorithm}:${key.name}:${key.secret}`,
    'AXFR',
    zone,
    '+noall',
    '+answer',
  ])
  const file = join(await temporaryDirectory(stack), 'zone')
  await writeFile(file, text)
  // -x: there is one key for everything.
  assert.match(await outputOf('dnssec-verify', ['-x', '-o', zone, file]), /Zone fully signed/)
})

const validated: [name: string, type: string, want: RegExp][] = [
  [`www.${zone}`, 'A', /^; fully validated[\s\S]*192\.0\.2\.80/m],
  [`alias.${zone}`, 'A', /^; fully validated[\s\S]*192\.0\.2\.80/m],
  [`any.wild.${zone}`, 'A', /^; fully validated[\s\S]*192\.0\.2\.99/m],
  [`www.${zone}`, 'MX', /^; negative response, fully validated/m],
  [`none.${zone}`, 'A', /^; negative response, fully validated/m],
  [`deep.${zone}`, 'A', /^; negative response, fully validated/m],
  [`child.${zone}`, 'DS', /^; negative response, fully validated/m],
]

for (const program of ['named', 'knotd', 'nsd'] as const) {
  test(`${program} serves it, and delv validates what it says`, async (context) => {
    if (!requireProgram(context, program) || !requireProgram(context, 'delv')) return
    await using own = new AsyncDisposableStack()
    const key = await t.createKey(`${program}.key`)
    const [port = 0] = await freePorts(1)
    await t.addSecondary(key, { port })
    const secondary = await startSecondary(own, program, { primary: t.server, key, zones: [zone], port })
    await secondary.waitForSerial(zone, 1)
    for (const [name, type, want] of validated) {
      const text = await outputOf('delv', [
        '@127.0.0.1',
        '-p',
        String(port),
        '-a',
        anchors,
        `+root=${zone}`,
        name,
        type,
      ])
      assert.match(text, want, `${name} ${type}`)
    }
    const serial = await t.addRecords(id, [[`${program}.${zone}`, 'A', '192.0.2.5']])
    await secondary.waitForSerial(zone, serial)
    const added = [
      '@127.0.0.1',
      '-p',
      String(port),
      '-a',
      anchors,
      `+root=${zone}`,
      `${program}.${zone}`,
      'A',
    ]
    assert.match(await outputOf('delv', added), /^; fully validated/m)
  })
}

test('a signed zone that does not change gets a new serial in time', async () => {
  const serial = async () => (await t.store.find(zone, 6))?.zone.serial ?? 0
  const before = await serial()
  assert.equal(await renewSignedZones(t.platform), 0)
  await t.platform.db
    .updateTable('domains')
    .set({ zone_serial: before - 4 * 24 * 3600 })
    .where('id', '=', id)
    .execute()
  assert.equal(await renewSignedZones(t.platform), 1)
  const { zone_serial: after } = await t.platform.db
    .selectFrom('domains')
    .select('zone_serial')
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  assert.ok(after >= before)
})
