/** How to do by hand what the demo did: commands that work as they stand against `npm start` with its defaults. */
import { fileURLToPath } from 'node:url'
import { messagesDirectory } from './corpus.ts'

const sample = fileURLToPath(new URL('plain-text.eml', messagesDirectory))

export const byHand = String.raw`The same by hand: start a server, which prints an API key at its first start,

  npm start

and in another terminal, with that key, make a domain and two mailboxes in one call:

  KEY=mw_...
  curl -sS http://127.0.0.1:8080/v1/domains -H "Authorization: Bearer $KEY" \
    -H 'Content-Type: application/json' -d '{"name": "demo.test"}'
  curl -sS http://127.0.0.1:8080/v1/mailboxes -H "Authorization: Bearer $KEY" \
    -H 'Content-Type: application/json' \
    -d '{"mailboxes": [{"address": "ann@demo.test"}, {"address": "ben@demo.test"}]}'

See ann's password; the programs below ask for it:

  curl -sS http://127.0.0.1:8080/v1/mailboxes/ann@demo.test/credentials \
    -H "Authorization: Bearer $KEY"

Deliver a message to both, as another mail server does, and send one from ann to ben:

  swaks --server 127.0.0.1:2025 --from nora@lindqvist.example \
    --to ann@demo.test,ben@demo.test \
    --data @${shellWord(sample)}
  swaks --server 127.0.0.1:2587 --tls --auth PLAIN --auth-user ann@demo.test \
    --from ann@demo.test --to ben@demo.test

Read ann's mail:

  mutt -e 'unset ssl_force_tls ssl_starttls' \
    -f imap://ann%40demo.test@127.0.0.1:2143/INBOX
`

/** Quoted only where a shell would read it otherwise. */
function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`
}
