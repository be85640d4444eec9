/** Real name servers that hold copies of our zones, and are told of changes. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { touchZones } from '../../../domains/zones/serial.ts'
import { transaction } from '../../../platform/database.ts'
import { type SecondaryProgram, startSecondary } from '../../../testing/dns-secondaries.ts'
import { freePorts } from '../../../testing/free-ports.ts'
import { requireProgram } from '../../../testing/programs.ts'
import {
  outputOf,
  startTestDnsServer,
  type TestDnsServer,
  testDnsZone,
} from '../../../testing/test-dns-server.ts'

let t: TestDnsServer
before(async () => {
  t = await startTestDnsServer()
})
after(() => t[Symbol.asyncDispose]())

const programs: [program: SecondaryProgram, algorithm: 'hmac-sha256' | 'hmac-sha384' | 'hmac-sha512'][] = [
  ['nsd', 'hmac-sha256'],
  ['knotd', 'hmac-sha512'],
  ['named', 'hmac-sha384'],
]

const askA = (port: number, name: string) =>
  outputOf('dig', ['@127.0.0.1', '-p', String(port), '+short', '+tries=2', 'A', name])

for (const [program, algorithm] of programs) {
  test(`${program} transfers a zone, and again when it is told of a change`, async (context) => {
    if (!requireProgram(context, program) || !requireProgram(context, 'dig')) return
    await using stack = new AsyncDisposableStack()
    const zone = `${program}.example`
    const id = await t.serve(zone, [[`www.${zone}`, 'A', '192.0.2.1']])
    const key = await t.createKey(`${program}.key`, algorithm)
    const [port = 0] = await freePorts(1)
    await t.addSecondary(key, { port })
    const secondary = await startSecondary(stack, program, { primary: t.server, key, zones: [zone], port })
    const first = (await t.store.find(zone, 6))?.zone.serial ?? 0
    await secondary.waitForSerial(zone, first)
    assert.equal((await askA(port, `www.${zone}`)).trim(), '192.0.2.1')
    // The refresh timer of the zone is an hour: only NOTIFY brings this.
    const serial = await t.addRecords(id, [[`new.${zone}`, 'A', '192.0.2.2']])
    await secondary.waitForSerial(zone, serial)
    assert.equal((await askA(port, `new.${zone}`)).trim(), '192.0.2.2')
  })
}

for (const program of ['knotd', 'named'] as const) {
  test(`${program} learns of zones by the catalog, and of their end`, async (context) => {
    if (!requireProgram(context, program)) return
    await using stack = new AsyncDisposableStack()
    const key = await t.createKey(`${program}.catalog.key`)
    const [port = 0] = await freePorts(1)
    await t.addSecondary(key, { port })
    const catalog = `catalog.${testDnsZone}`
    const before = `before-${program}.example`
    await t.serve(before)
    const secondary = await startSecondary(stack, program, {
      primary: t.server,
      key,
      zones: [],
      catalog,
      port,
    })
    await secondary.waitForSerial(before, 1)
    const zone = `after-${program}.example`
    const id = await t.serve(zone)
    await secondary.waitForSerial(zone, 1)
    await secondary.waitForSerial(testDnsZone, 1)
    // As when its owner takes its DNS elsewhere.
    await transaction(t.platform.db, async (tx) => {
      await tx.updateTable('domains').set({ dns_mode: 'manual' }).where('id', '=', id).execute()
      await touchZones(t.platform, tx, [id])
    })
    await secondary.waitForNone(zone)
  })
}
