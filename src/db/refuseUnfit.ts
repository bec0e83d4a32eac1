import { examineDatabase } from './examineDatabase.js';

/** @throws Error  which names all that this database lacks for us, each with its fix; warns of what only makes it worse. */
export async function refuseUnfit(url: string, connections: number): Promise<void> {
  const fatal = (await examineDatabase(url, connections)).filter((problem) => problem.fatal);
  if (fatal.length > 0)
    throw new Error(`the database can't be used. ${fatal.map(({ message, fix }) => `${message}: ${fix}`).join('. ')}`);
}
