/** Once for a run of `npm test`: a database server for all files, and a database that their databases are copies of. */
import { createTemplate, sharedServerVariable, startTestServer, templateVariable } from './test-database.ts'

const stack = new AsyncDisposableStack()

/** Called by node --test before the first file. The files' processes inherit the environment. */
export async function globalSetup(): Promise<void> {
  const server = await startTestServer(stack)
  process.env[templateVariable] = await createTemplate(stack, server)
  process.env[sharedServerVariable] = server
}

/** Called after the last file. */
export async function globalTeardown(): Promise<void> {
  await stack.disposeAsync()
}
