/** imapflow, logged in to a mailbox of a server under test with the password that the API shows. */
import { ImapFlow } from 'imapflow'
import { addressOf, type ChildServer, callApi } from './child-server.ts'

/** @param through another node to ask for the password; by default the same. */
export async function connectImap(
  server: Pick<ChildServer, 'endpoints' | 'apiKey'>,
  address: string,
  through: Pick<ChildServer, 'endpoints' | 'apiKey'> = server,
): Promise<ImapFlow> {
  const path = `/v1/mailboxes/${address}/credentials`
  const { password } = await callApi<{ password: string }>(through, 'GET', path)
  const client = new ImapFlow({
    ...addressOf(server.endpoints.imap),
    secure: false,
    tls: { rejectUnauthorized: false },
    auth: { user: address, pass: password },
    logger: false,
  })
  await client.connect()
  return client
}
