import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { XMLParser, XMLValidator } from 'fast-xml-parser'
import { autodiscoverXml, parseAutodiscoverRequest } from './autodiscover.ts'
import { element, parent, xmlText } from './xml.ts'

const parser = new XMLParser({ parseTagValue: false, trimValues: false })

test('any text is well-formed XML, and comes back as it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 50 }), (text) => {
      const xml = parent('a', [element('b', text)], `c="${xmlText(text)}"`)
      assert.equal(XMLValidator.validate(xml), true, xml)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: no document can have them
      if (/[\u0000-\u001f\ufffe\uffff]/.test(text) || text === '') return
      assert.equal(parser.parse(xml).a.b, text)
    }),
  )
})

const outlook = 'http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a'
const requestOf = (inner: string): string =>
  '<?xml version="1.0" encoding="utf-8"?><Autodiscover ' +
  'xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">' +
  `<Request>${inner}</Request></Autodiscover>`

const requests: [what: string, xml: string, want: string | null][] = [
  [
    'Outlook’s',
    requestOf(
      `<EMailAddress>ann@a.example</EMailAddress><AcceptableResponseSchema>${outlook}</AcceptableResponseSchema>`,
    ),
    'ann@a.example outlook',
  ],
  ['without a schema', requestOf('<EMailAddress> ann@a.example </EMailAddress>'), 'ann@a.example outlook'],
  [
    'ActiveSync’s',
    requestOf(
      '<EMailAddress>ann@a.example</EMailAddress><AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006</AcceptableResponseSchema>',
    ),
    'ann@a.example other',
  ],
  [
    'with a prefix',
    '<x:Autodiscover xmlns:x="y"><x:Request><x:EMailAddress>a&amp;b@a.example</x:EMailAddress></x:Request></x:Autodiscover>',
    'a&b@a.example outlook',
  ],
  ['without an address', requestOf('<LegacyDN>x</LegacyDN>'), null],
  [
    'with two addresses',
    requestOf('<EMailAddress>a@b.c</EMailAddress><EMailAddress>d@e.f</EMailAddress>'),
    null,
  ],
  ['with elements in the address', requestOf('<EMailAddress><b>a@b.c</b></EMailAddress>'), null],
  [
    'with a document type',
    `<!DOCTYPE a [<!ENTITY b "c">]>${requestOf('<EMailAddress>&b;@b.c</EMailAddress>')}`,
    null,
  ],
  ['not closed', '<Autodiscover><Request><EMailAddress>a@b.c</EMailAddress>', null],
  ['no XML', '{"EMailAddress": "a@b.c"}', null],
  ['nothing', '', null],
]
for (const [what, xml, want] of requests) {
  test(`an Autodiscover request ${what}`, () => {
    const found = parseAutodiscoverRequest(xml)
    assert.equal(found && `${found.address} ${found.wantsOutlook ? 'outlook' : 'other'}`, want)
  })
}

test('no text makes the parser throw, and what it says of any address is well-formed', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      parseAutodiscoverRequest(text)
      parseAutodiscoverRequest(requestOf(`<EMailAddress>${text}</EMailAddress>`))
      const servers = { imap: [], pop3: [], submission: [{ host: text, port: 1, security: 'tls' as const }] }
      assert.equal(XMLValidator.validate(autodiscoverXml(text, servers)), true)
    }),
  )
})
