-- AlterTable
ALTER TABLE "Deployment" ADD COLUMN     "aliveSince" TIMESTAMPTZ(3),
ADD COLUMN     "listenedAt" TIMESTAMPTZ(3),
ADD COLUMN     "listeningSince" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "Sighting" (
    "vmId" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Sighting_pkey" PRIMARY KEY ("vmId")
);

-- Every row is written again and again: room on its own page keeps the index out of it.
ALTER TABLE "Sighting" SET (fillfactor = 50);
INSERT INTO "Sighting" ("vmId") SELECT "id" FROM "Vm" WHERE "status" IN ('READY', 'ASSIGNED');
