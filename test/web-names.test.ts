/** The web names of domains over real sockets: which name answers what, policies, redirects. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { parsePolicy } from 'mailauth/lib/mta-sts.js'
import { countStatements } from '../src/testing/count-statements.ts'
import {
  configPath,
  discoverPath,
  gist,
  nothing,
  ownName,
  policyPath,
  startWebServer,
  type Way,
  type WebServer,
  type WebSettings,
  wellKnownConfig,
} from '../src/testing/test-web-server.ts'

let web: WebServer
const stack = new AsyncDisposableStack()
before(async () => {
  web = await startWebServer(stack)
})
after(() => stack.disposeAsync())

test('endpoints.json has the listener', () => {
  assert.match(web.server.endpoints.https ?? '', /^https:\/\/127\.0\.0\.1:\d+$/)
})

const rows: [way: Way, host: string, path: string, want: string][] = [
  ['tls', 'mta-sts.web.test', policyPath, '200 version: STSv1'],
  ['proxied', 'mta-sts.web.test', policyPath, '200 version: STSv1'],
  ['clear', 'mta-sts.web.test', policyPath, nothing],
  ['tls', 'mta-sts.web.test', '/.WELL-KNOWN/mta-sts.txt', nothing],
  ['tls', 'mta-sts.web.test', '/', nothing],
  ['tls', 'mta-sts.other.test', policyPath, nothing],
  ['tls', 'web.test', policyPath, nothing],
  ['tls', 'autoconfig.web.test', configPath, '200 <?xml version="1.0" encoding="UTF-8"?>'],
  ['clear', 'autoconfig.web.test', configPath, '200 <?xml version="1.0" encoding="UTF-8"?>'],
  ['clear', 'AutoConfig.WEB.test.:80', configPath, '200 <?xml version="1.0" encoding="UTF-8"?>'],
  ['tls', 'autoconfig.xn--bcher-kva.test', configPath, '200 <?xml version="1.0" encoding="UTF-8"?>'],
  ['tls', 'web.test', wellKnownConfig, '200 <?xml version="1.0" encoding="UTF-8"?>'],
  ['tls', 'autoconfig.web.test', '/', nothing],
  ['tls', 'autoconfig.web.test', '/mail/../mail/config-v1.1.xml', nothing],
  ['tls', 'autodiscover.web.test', discoverPath, '405 This address has no such method.'],
  ['clear', 'autodiscover.web.test', discoverPath, `302 https://autodiscover.web.test${discoverPath}`],
  [
    'clear',
    'autoconfig.web.test',
    '/apple.mobileconfig?address=a%40web.test',
    '302 https://autoconfig.web.test/apple.mobileconfig?address=a%40web.test',
  ],
  ['clear', 'web.test', '/apple.mobileconfig', nothing],
  ['clear', 'web.test', discoverPath, `302 https://autodiscover.web.test${discoverPath}`],
  ['tls', 'other.test', '/', nothing],
  ['tls', 'www.other.test', '/', nothing],
  ['clear', 'mail.web.test', '/x?y=1', '308 https://app.platform.test/x?y=1'],
  ['clear', 'unknown.example', '//evil.example/', '308 https://app.platform.test//evil.example/'],
  ['clear', '127.0.0.1', '/', '308 https://app.platform.test/'],
  ['clear', '[::1]:8080', '/', '308 https://app.platform.test/'],
  ['clear', 'a..b', '/', '308 https://app.platform.test/'],
  ['clear', ownName, '/', '308 https://app.platform.test/'],
  ['tls', 'localhost', '/healthz', '200 {"status":"ok"}'],
  ['tls', ownName, '/healthz', '200 {"status":"ok"}'],
  ['tls', 'mail.web.test', '/healthz', '200 {"status":"ok"}'],
  [
    'tls',
    'app.platform.test',
    '/autodiscover/autodiscover.json',
    '404 {"ErrorCode":"ProtocolNotSupported","ErrorMessage":"The supported protocol is AutodiscoverV1."}',
  ],
  ['tls', 'web.test', '/.well-known/acme-challenge/xxxxxxxxxxxxxxxxxxxxxxxx', nothing],
]
for (const [way, host, path, want] of rows) {
  test(`${way} ${host} ${path}`, async () => {
    await web.configure('web.test', { mta_sts_mode: 'enforce' })
    assert.equal(gist(await web.ask(way, { host, path })), want)
    const head = await web.ask(way, { host, path, method: 'HEAD' })
    assert.equal(head.body, '')
    if (!path.startsWith('/autodiscover') && !path.startsWith('/healthz')) {
      assert.equal(`${head.status}`, want.slice(0, 3))
    }
  })
}

test('the policy: CRLF, plain text, strict readers take it; other methods are refused', async () => {
  await web.configure('web.test', { mta_sts_mode: 'testing' })
  const host = 'mta-sts.web.test'
  const { body, headers } = await web.ask('tls', { host, path: policyPath })
  assert.equal(headers['content-type'], 'text/plain; charset=utf-8')
  assert.equal(headers['strict-transport-security'], undefined)
  assert.equal(body.replaceAll('\r\n', '|'), `version: STSv1|mode: testing|mx: ${ownName}|max_age: 86400|`)
  assert.equal(parsePolicy(body, { strict: true }).mode, 'testing')
  const posted = await web.ask('tls', { host, path: policyPath, method: 'POST', body: 'x' })
  assert.deepEqual([posted.status, posted.headers.allow], [405, 'GET, HEAD'])
})

test('a change is seen at once: the policy goes by way of mode none, a suspended domain answers nothing', async () => {
  const policy = async () => gist(await web.ask('tls', { host: 'mta-sts.web.test', path: policyPath }))
  await web.configure('web.test', { mta_sts_mode: 'enforce' })
  assert.equal(await policy(), '200 version: STSv1')
  await web.configure('web.test', { mta_sts_mode: 'none' })
  assert.match((await web.ask('tls', { host: 'mta-sts.web.test', path: policyPath })).body, /mode: none\r\n/)
  await web.configure('web.test', { state: 'suspended' })
  assert.match(await policy(), /^404 /)
  const clear = await web.ask('clear', { host: 'autoconfig.web.test', path: configPath })
  assert.equal(gist(clear), `308 https://app.platform.test${configPath}`)
  await web.configure('web.test', { state: 'active' })
  assert.equal(await policy(), '200 version: STSv1')
})

const redirects: [settings: WebSettings, host: string, path: string, want: string][] = [
  [{ redirect_url: 'https://shop.example' }, 'web.test', '/a/b?c=1', '301 https://shop.example/a/b?c=1'],
  [{ redirect_url: 'https://shop.example' }, 'www.web.test', '/', '301 https://shop.example/'],
  [
    { redirect_url: 'https://shop.example/', redirect_status: 302 },
    'web.test',
    '/a',
    '302 https://shop.example/a',
  ],
  [
    { redirect_url: 'https://shop.example/eu/?x=1#top' },
    'web.test',
    '/a?b',
    '301 https://shop.example/eu/a?x=1&b#top',
  ],
  [
    { redirect_url: 'https://shop.example/eu', redirect_keeps_path: false },
    'web.test',
    '/a?b',
    '301 https://shop.example/eu',
  ],
  [{ redirect_url: 'http://shop.example:8080/x' }, 'web.test', '/', '301 http://shop.example:8080/x/'],
  [
    { redirect_url: 'https://shop.example' },
    'web.test',
    '//evil.example/',
    '301 https://shop.example//evil.example/',
  ],
  [
    { redirect_url: 'https://shop.example' },
    'web.test',
    '/\\evil.example',
    '301 https://shop.example/\\evil.example',
  ],
  [
    { redirect_url: 'https://shop.example' },
    'web.test',
    '/@evil.example',
    '301 https://shop.example/@evil.example',
  ],
  [
    { redirect_url: 'https://shop.example' },
    'web.test',
    '/%0d%0aSet-Cookie:x=1',
    '301 https://shop.example/%0d%0aSet-Cookie:x=1',
  ],
  [{ redirect_url: 'https://bücher.example' }, 'web.test', '/', '301 https://xn--bcher-kva.example/'],
  [{ redirect_url: 'https://ann:secret@shop.example' }, 'web.test', '/', '301 https://shop.example/'],
  [{ redirect_url: 'javascript:alert(1)' }, 'web.test', '/', nothing],
  [{ redirect_url: 'not a url' }, 'web.test', '/', nothing],
  [{ redirect_url: null }, 'web.test', '/', nothing],
  [
    { redirect_url: 'https://www.web.test' },
    'web.test',
    '/',
    '508 The redirect of this domain leads back to itself.',
  ],
  [
    { redirect_url: 'https://web.test/x' },
    'web.test',
    '/',
    '508 The redirect of this domain leads back to itself.',
  ],
  [
    { redirect_url: 'https://WEB.test./x' },
    'web.test',
    '/',
    '508 The redirect of this domain leads back to itself.',
  ],
  [
    { redirect_url: 'https://www.other.test' },
    'web.test',
    '/',
    '508 The redirect of this domain leads back to itself.',
  ],
  [{ redirect_url: 'https://web.test:8443' }, 'web.test', '/', '301 https://web.test:8443/'],
  [
    { redirect_url: 'https://shop.example' },
    'web.test',
    wellKnownConfig,
    '200 <?xml version="1.0" encoding="UTF-8"?>',
  ],
  [
    { redirect_url: 'https://shop.example' },
    'www.web.test',
    wellKnownConfig,
    `301 https://shop.example${wellKnownConfig}`,
  ],
  [{ redirect_url: 'https://shop.example' }, 'mta-sts.web.test', '/', nothing],
  [{ redirect_url: 'https://shop.example' }, 'mail.web.test', '/healthz', '200 {"status":"ok"}'],
]
for (const [settings, host, path, want] of redirects) {
  test(`redirect to ${settings.redirect_url}: ${host} ${path}`, async () => {
    await web.configure('other.test', { redirect_url: 'https://web.test' })
    await web.configure('web.test', { redirect_status: 301, redirect_keeps_path: true, ...settings })
    for (const way of ['tls', 'proxied', ...(host.startsWith('mail.') ? [] : ['clear'])] as Way[]) {
      const reply = await web.ask(way, { host, path })
      assert.equal(gist(reply), want, way)
      assert.equal(reply.headers['strict-transport-security'], undefined)
      assert.equal(reply.headers['set-cookie'], undefined)
      if (want.startsWith('301')) {
        assert.equal(reply.headers['cache-control'], 'max-age=3600')
        const head = await web.ask(way, { host, path, method: 'HEAD' })
        assert.equal(`${head.status} ${head.headers.location}`, want)
        assert.equal((await web.ask(way, { host, path, method: 'POST', body: 'x' })).status, 405)
      }
    }
    await web.configure('other.test', { redirect_url: null })
  })
}

test('the platform’s own names stay its own, whatever domains there are', async () => {
  await web.connectDomain('platform.test')
  await web.connectDomain('app.platform.test')
  await web.connectDomain(ownName)
  for (const name of ['app.platform.test', ownName]) {
    await web.configure(name, { redirect_url: 'https://evil.example' })
    assert.equal((await web.ask('tls', { host: name, path: '/healthz' })).status, 200)
    assert.equal(gist(await web.ask('clear', { host: name })), '308 https://app.platform.test/')
  }
})

test('a domain that is itself called www. comes before the one above it', async () => {
  await web.connectDomain('shop.test')
  await web.configure('shop.test', { redirect_url: 'https://above.example' })
  assert.equal(gist(await web.ask('clear', { host: 'www.shop.test' })), '301 https://above.example/')
  await web.connectDomain('www.shop.test') // its event makes the cached answer go
  assert.equal(gist(await web.ask('clear', { host: 'www.shop.test' })), nothing)
  await web.configure('www.shop.test', { redirect_url: 'https://below.example' })
  assert.equal(gist(await web.ask('clear', { host: 'www.shop.test' })), '301 https://below.example/')
  assert.equal(gist(await web.ask('clear', { host: 'shop.test' })), '301 https://above.example/')
})

test('names that are asked for again cost no query', async () => {
  const host = 'autoconfig.web.test'
  const asked = () => web.ask('clear', { host, path: configPath })
  await asked()
  assert.equal(await countStatements(asked), 0)
})
