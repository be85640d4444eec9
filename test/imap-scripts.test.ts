/** The scripts in imap-scripts/, one folder for each RFC: commands and the responses that they must get. */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type ImapScript, parseImapScripts } from '../src/testing/imap-script.ts'
import { runImapScript } from '../src/testing/imap-script-run.ts'
import { startTestImap, type TestImap } from '../src/testing/test-imap.ts'

const folder = fileURLToPath(new URL('./imap-scripts/', import.meta.url))
const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.txt')).sort()
const scripts = await Promise.all(
  files.map(async (name) => ({ name, scripts: parseImapScripts(await readFile(folder + name, 'utf8')) })),
)

/** Each has mailboxes of its own. */
const scriptsAtOnce = 4

let server: TestImap
before(async () => {
  server = await startTestImap()
})
after(() => server[Symbol.asyncDispose]())

test('there are scripts', () => assert.ok(scripts.flatMap((file) => file.scripts).length > 10))

for (const file of scripts) {
  describe(file.name, { concurrency: scriptsAtOnce }, () => {
    for (const script of file.scripts) test(script.title, () => run(script))
  })
}

async function run(script: ImapScript): Promise<void> {
  const [mailbox, other] = [await server.test.createMailbox(), await server.test.createMailbox()]
  await runImapScript(script, {
    port: server.listener.port,
    username: mailbox.address,
    password: mailbox.password,
    other: { username: other.address, password: other.password },
  })
}
