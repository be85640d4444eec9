/**
 * Runs an import in a process of its own, for tests that kill one: `node import-process.ts MAILBOX BATCHES`, with the
 * settings of the test's platform. It kills itself when so many batches are committed.
 */
import { runImport } from '../messages/imports/run.ts'
import { openPlatform } from '../open-platform.ts'
import { testConfig } from './test-platform.ts'

const [, , mailboxId = '', batches = ''] = process.argv
const config = testConfig({
  MAILWRIGHT_DATA_DIR: process.env['MAILWRIGHT_DATA_DIR'] ?? '',
  DATABASE_URL: process.env['DATABASE_URL'] ?? '',
})
await using opened = await openPlatform(config, { attach: true })
const { platform } = opened
let committed = 0
platform.bus.subscribe(({ type }) => {
  if (type === 'message.appended') committed += 1
  if (committed >= Number(batches)) process.kill(process.pid, 'SIGKILL')
})
await runImport(platform, mailboxId)
