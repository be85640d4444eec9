/** What mail clients are set up with over HTTP: Thunderbird's file, Outlook's Autodiscover, Apple's profile. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, test } from 'node:test'
import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { requireProgram } from '../src/testing/programs.ts'
import { at, textAt } from '../src/testing/test-api.ts'
import {
  configPath,
  discoverPath,
  ownName,
  startWebServer,
  type WebServer,
} from '../src/testing/test-web-server.ts'

let web: WebServer
const stack = new AsyncDisposableStack()
before(async () => {
  web = await startWebServer(stack)
})
after(() => stack.disposeAsync())

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseTagValue: false,
  isArray: (name) => ['incomingServer', 'outgoingServer', 'Protocol'].includes(name),
})

function parseXml(text: string): unknown {
  assert.equal(XMLValidator.validate(text), true)
  return parser.parse(text)
}

test('autoconfig names the servers of the credentials, in the same order', async () => {
  await web.api('POST', '/v1/mailboxes', { address: 'ann@web.test' })
  const credentials = await web.api('GET', '/v1/mailboxes/ann@web.test/credentials')
  const reply = await web.ask('tls', {
    host: 'autoconfig.web.test',
    path: `${configPath}?emailaddress=x%40y`,
  })
  assert.equal(reply.headers['content-type'], 'application/xml; charset=utf-8')
  const provider = at(parseXml(reply.body), 'clientConfig', 'emailProvider')
  assert.deepEqual(
    [textAt(provider, 'id'), textAt(provider, 'domain'), textAt(provider, 'displayName')],
    ['web.test', 'web.test', 'web.test'],
  )
  const { imap, submission, pop3s } = web.platform.ports
  const serversOf = (name: string): string[] => {
    const list = at(provider, name)
    assert.ok(Array.isArray(list))
    return list.map((one) => {
      assert.equal(textAt(one, 'hostname'), ownName)
      assert.equal(textAt(one, 'username'), '%EMAILADDRESS%')
      assert.equal(textAt(one, 'authentication'), 'password-cleartext')
      return `${textAt(one, 'type')} ${textAt(one, 'port')} ${textAt(one, 'socketType')}`
    })
  }
  assert.deepEqual(serversOf('incomingServer'), [
    `imap ${imap} STARTTLS`,
    'imap 993 SSL',
    `pop3 ${pop3s} SSL`,
  ])
  assert.deepEqual(serversOf('outgoingServer'), [`smtp ${submission} STARTTLS`, 'smtp 465 SSL'])
  assert.deepEqual(at(credentials, 'imap'), { host: ownName, port: imap, security: 'starttls' })
  assert.deepEqual(at(credentials, 'smtp'), { host: ownName, port: submission, security: 'starttls' })
  assert.deepEqual(at(credentials, 'pop3'), { host: ownName, port: pop3s, security: 'tls' })
})

const outlook = 'http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a'
const askOutlook = (address: string, schema = outlook): string =>
  '<?xml version="1.0" encoding="utf-8"?><Autodiscover ' +
  'xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"><Request>' +
  `<EMailAddress>${address}</EMailAddress><AcceptableResponseSchema>${schema}</AcceptableResponseSchema>` +
  '</Request></Autodiscover>'

const discoveries: [what: string, host: string, body: string, want: string][] = [
  ['a mailbox', 'autodiscover.web.test', askOutlook('Ann@web.test'), 'settings ann@web.test'],
  [
    'an address that nobody has',
    'autodiscover.web.test',
    askOutlook('nobody@web.test'),
    'settings nobody@web.test',
  ],
  ['odd characters', 'web.test', askOutlook('a&amp;b@web.test'), 'settings a&b@web.test'],
  ['the platform’s own name', ownName, askOutlook('ann@other.test'), 'settings ann@other.test'],
  ['another domain than the host’s', 'autodiscover.web.test', askOutlook('ann@other.test'), '500'],
  ['a domain that is not here', ownName, askOutlook('ann@elsewhere.example'), '500'],
  ['no address', 'autodiscover.web.test', askOutlook('ann'), '500'],
  ['ActiveSync', 'autodiscover.web.test', askOutlook('ann@web.test', 'mobilesync'), '601'],
  ['no request', 'autodiscover.web.test', '<a/>', '600'],
  ['no XML', 'autodiscover.web.test', 'x', '600'],
]
for (const [what, host, body, want] of discoveries) {
  test(`Autodiscover: ${what}`, async () => {
    for (const path of [discoverPath, '/Autodiscover/Autodiscover.xml']) {
      const reply = await web.ask('tls', {
        host,
        path,
        method: 'POST',
        body,
        headers: { 'content-type': 'text/xml' },
      })
      assert.deepEqual([reply.status, reply.headers['content-type']], [200, 'text/xml; charset=utf-8'])
      const response = at(parseXml(reply.body), 'Autodiscover', 'Response')
      const error = at(response, 'Error', 'ErrorCode')
      if (error !== undefined) {
        assert.equal(error, want)
        continue
      }
      assert.equal(at(response, 'xmlns'), outlook)
      const account = at(response, 'Account')
      const protocols = at(account, 'Protocol')
      assert.ok(Array.isArray(protocols))
      assert.deepEqual(
        protocols.map((one) => `${textAt(one, 'Type')} ${textAt(one, 'Port')} ${textAt(one, 'Encryption')}`),
        [
          `IMAP ${web.platform.ports.imap} TLS`,
          `POP3 ${web.platform.ports.pop3s} SSL`,
          `SMTP ${web.platform.ports.submission} TLS`,
        ],
      )
      assert.deepEqual(
        protocols.map((one) => `${textAt(account, 'Action')} ${textAt(one, 'LoginName')}`),
        protocols.map(() => want),
      )
    }
  })
}

for (const length of [20_000, 2_000_000]) {
  test(`Autodiscover: a body of ${length} bytes is refused, and the client hears it`, async () => {
    const body = askOutlook(`${'a'.repeat(length)}@web.test`)
    const host = 'autodiscover.web.test'
    for (const way of ['tls', 'proxied'] as const) {
      const reply = await web.ask(way, { host, path: discoverPath, method: 'POST', body })
      assert.deepEqual([reply.status, reply.headers.connection], [413, 'close'])
    }
  })
}

test('Autodiscover in JSON says where the XML is', async () => {
  const path = '/autodiscover/autodiscover.json?Email=ann%40web.test&Protocol=Autodiscoverv1'
  const reply = await web.ask('tls', { host: 'autodiscover.web.test', path })
  assert.equal(reply.headers['content-type'], 'application/json; charset=utf-8')
  assert.deepEqual(JSON.parse(reply.body), {
    Protocol: 'AutodiscoverV1',
    Url: `https://autodiscover.web.test${discoverPath}`,
  })
  const other = path.replace('Autodiscoverv1', 'ActiveSync')
  assert.equal((await web.ask('tls', { host: 'autodiscover.web.test', path: other })).status, 404)
})

const profilePath = '/apple.mobileconfig'

test('Apple’s profile is a property list that says what the credentials say', async (t) => {
  if (!requireProgram(t, 'python3')) return
  const address = `o'brien+"<&>@web.test`
  const script = 'import json, plistlib, sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))'
  const read = async (host: string, who: string): Promise<unknown> => {
    const reply = await web.ask('tls', { host, path: `${profilePath}?address=${encodeURIComponent(who)}` })
    assert.equal(reply.status, 200, reply.body)
    assert.equal(reply.headers['content-type'], 'application/x-apple-aspen-config; charset=utf-8')
    assert.equal(reply.headers['content-disposition'], 'attachment; filename="mail.mobileconfig"')
    return JSON.parse(execFileSync('python3', ['-c', script], { input: reply.body, encoding: 'utf8' }))
  }
  assert.equal(
    (
      await web.ask('tls', {
        host: 'autoconfig.web.test',
        path: `${profilePath}?address=${encodeURIComponent(address)}`,
      })
    ).status,
    404,
  )
  const profile = await read('autoconfig.web.test', `"o'brien <&>"@web.test`)
  const mail = at(profile, 'PayloadContent', 0)
  const { PayloadUUID, PayloadIdentifier, ...settings } = Object(mail)
  const login = `"o'brien <&>"@web.test`
  assert.deepEqual(settings, {
    PayloadType: 'com.apple.mail.managed',
    PayloadVersion: 1,
    PayloadDisplayName: login,
    EmailAccountType: 'EmailTypeIMAP',
    EmailAccountDescription: login,
    EmailAddress: login,
    IncomingMailServerAuthentication: 'EmailAuthPassword',
    IncomingMailServerHostName: ownName,
    IncomingMailServerPortNumber: web.platform.ports.imap,
    IncomingMailServerUseSSL: true,
    IncomingMailServerUsername: login,
    OutgoingMailServerAuthentication: 'EmailAuthPassword',
    OutgoingMailServerHostName: ownName,
    OutgoingMailServerPortNumber: web.platform.ports.submission,
    OutgoingMailServerUseSSL: true,
    OutgoingMailServerUsername: login,
    OutgoingPasswordSameAsIncomingPassword: true,
  })
  assert.match(String(PayloadUUID), /^[0-9A-F]{8}-[0-9A-F]{4}-8[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$/)
  assert.notEqual(PayloadUUID, at(profile, 'PayloadUUID'))
  assert.match(String(PayloadIdentifier), /^test\.web\.mail\./)
  assert.deepEqual(await read(ownName, `"o'brien <&>"@WEB.test`), profile)
})

for (const [query, status] of [
  ['', 400],
  ['?address=', 404],
  ['?address=ann', 404],
  ['?address=ann%40other.test', 404],
  ['?address=nobody%40web.test', 200],
  ['?address=%ff%00%40web.test', 404],
] as const) {
  test(`Apple’s profile: ${query || 'no address'}`, async () => {
    assert.equal(
      (await web.ask('tls', { host: 'autoconfig.web.test', path: profilePath + query })).status,
      status,
    )
  })
}
