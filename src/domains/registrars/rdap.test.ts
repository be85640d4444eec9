import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startRdapStandIn } from '../../testing/rdap-stand-in.ts'
import { startRdap } from './rdap.ts'
import { startBootstrap } from './rdap-bootstrap.ts'

const registry = await startRdapStandIn(['example', 'co.example'])
after(() => registry[Symbol.asyncDispose]())
registry.registered.add('known.example')
const never = new AbortController().signal

test('known is taken, unknown is not listed, and nobody knows other suffixes', async () => {
  const rdap = startRdap(registry.bootstrapUrl)
  assert.equal(await rdap.ask('known.example', never), 'taken')
  assert.equal(await rdap.ask('new.example', never), 'unlisted')
  assert.equal(await rdap.ask('new.invalid', never), 'unknown')
})

test('an answer is kept', async () => {
  const rdap = startRdap(registry.bootstrapUrl)
  await rdap.ask('known.example', never)
  const before = registry.requests.length
  await rdap.ask('known.example', never)
  assert.equal(registry.requests.length, before)
})

test('a registry is asked one thing at a time', async () => {
  const rdap = startRdap(registry.bootstrapUrl)
  await Promise.all(Array.from({ length: 10 }, (_, at) => rdap.ask(`many${at}.example`, never)))
  assert.equal(registry.openMax(), 1)
})

test('one that is overloaded is left alone, one that fails is asked again', async () => {
  const rdap = startRdap(registry.bootstrapUrl)
  registry.next.push({ status: 500 })
  assert.equal(await rdap.ask('known.example', never), 'unknown')
  assert.equal(await rdap.ask('known.example', never), 'taken')
  registry.next.push({ status: 429, headers: { 'retry-after': '60' } })
  assert.equal(await rdap.ask('busy.example', never), 'unknown')
  const before = registry.requests.length
  assert.equal(await rdap.ask('busy.example', never), 'unknown')
  assert.equal(registry.requests.length, before)
})

test('the list is read once; without it, the bundled one holds', async () => {
  const bootstrap = startBootstrap(registry.bootstrapUrl)
  const before = registry.requests.length
  assert.match(String(await bootstrap.serverFor('a.example', never)), /^http:.*\/rdap\/$/)
  assert.match(String(await bootstrap.serverFor('a.co.example', never)), /^http:.*\/rdap\/$/)
  assert.equal(registry.requests.length, before + 1)
  assert.equal(await bootstrap.serverFor('a.com', never), null)
  const broken = startBootstrap('http://127.0.0.1:1/dns.json')
  assert.equal(await broken.serverFor('a.com', never), 'https://rdap.verisign.com/com/v1/')
  assert.equal(await startBootstrap(null).serverFor('a.invalid', never), null)
})
