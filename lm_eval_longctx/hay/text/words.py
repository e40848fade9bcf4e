"""Cities for the report's needles, and words for others."""

from __future__ import annotations

CITIES = tuple(
    city.strip()
    for city in """
Aarhus, Abidjan, Accra, Adelaide, Agadir, Albany, Aleppo, Algiers, Almaty, Amman, Amsterdam, Anchorage, Ankara,
Antwerp, Arequipa, Ashgabat, Asmara, Athens, Atlanta, Auckland, Austin, Baghdad, Baku, Bamako, Bandung, Bangkok,
Barcelona, Basel, Basra, Beijing, Beirut, Belfast, Belgrade, Bengaluru, Bergen, Berlin, Bern, Bilbao,
Birmingham, Bishkek, Bogota, Bologna, Boston, Brasilia, Bratislava, Bremen, Brisbane, Bristol, Brussels,
Bucharest, Budapest, Buffalo, Busan, Cairo, Calgary, Canberra, Caracas, Cardiff, Casablanca, Charlotte, Chengdu,
Chicago, Cleveland, Cologne, Colombo, Conakry, Copenhagen, Cordoba, Cork, Cusco, Dakar, Dallas, Damascus,
Darwin, Delhi, Denver, Detroit, Dhaka, Djibouti, Dodoma, Doha, Dortmund, Dresden, Dubai, Dublin, Durban,
Dushanbe, Edinburgh, Edmonton, Entebbe, Essen, Fez, Florence, Frankfurt, Freetown, Fukuoka, Gaborone, Gdansk,
Geneva, Genoa, Georgetown, Ghent, Glasgow, Goa, Gothenburg, Granada, Graz, Guadalajara, Guayaquil, Haifa,
Halifax, Hamburg, Hanoi, Hanover, Harare, Havana, Helsinki, Hiroshima, Hobart, Honolulu, Houston, Hyderabad,
Incheon, Innsbruck, Isfahan, Islamabad, Istanbul, Izmir, Jaipur, Jakarta, Jeddah, Jerusalem, Johannesburg, Juba,
Kabul, Kampala, Karachi, Kathmandu, Kazan, Khartoum, Kigali, Kingston, Kinshasa, Kobe, Kolkata, Krakow, Kuwait,
Kyiv, Kyoto, Lagos, Lahore, Lausanne, Leeds, Leipzig, Libreville, Lille, Lima, Linz, Lisbon, Liverpool,
Ljubljana, London, Luanda, Lusaka, Luxembourg, Lviv, Lyon, Madrid, Malaga, Malmo, Managua, Manchester, Manila,
Maputo, Marrakesh, Marseille, Maseru, Medellin, Melbourne, Memphis, Miami, Milan, Milwaukee, Minsk, Mogadishu,
Mombasa, Monrovia, Montevideo, Montreal, Moscow, Mumbai, Munich, Muscat, Nagoya, Nairobi, Nantes, Naples,
Nashville, Nassau, Niamey, Nice, Nicosia, Nouakchott, Nuremberg, Oakland, Odesa, Omaha, Oporto, Osaka, Oslo,
Ottawa, Palermo, Panama, Paris, Perth, Philadelphia, Phoenix, Pittsburgh, Podgorica, Portland, Porto, Prague,
Pretoria, Pristina, Quebec, Quito, Rabat, Reykjavik, Richmond, Riga, Riyadh, Rome, Rosario, Rotterdam,
Sacramento, Salzburg, Samara, Santiago, Sapporo, Sarajevo, Seattle, Seoul, Seville, Shanghai, Sheffield,
Shenzhen, Singapore, Skopje, Sofia, Stockholm, Strasbourg, Stuttgart, Surabaya, Suva, Sydney, Taipei, Tallinn,
Tampa, Tangier, Tashkent, Tbilisi, Tehran, Tirana, Tokyo, Toledo, Toronto, Toulouse, Tripoli, Tucson, Tunis,
Turin, Ulaanbaatar, Utrecht, Valencia, Valletta, Vancouver, Venice, Verona, Vienna, Vientiane, Vilnius, Warsaw,
Wellington, Windhoek, Winnipeg, Wroclaw, Yaounde, Yerevan, Yokohama, Zagreb, Zanzibar, Zaragoza, Zurich
""".replace("\n", " ").split(",")
)

ADJECTIVES = tuple(
    """
able agile amber ancient arctic azure bold brave brisk broad bronze calm careful clever coastal copper cosmic
crimson curious daring deep dusty eager early earnest elegant emerald fair famous fancy fearless fierce floral
fluent fond frosty gentle giant glad golden graceful grand granite happy hardy hasty hidden hollow honest humble
icy idle indigo ivory jolly keen kind lively lonely loyal lucky lunar magnetic marble mellow merry mighty modest
narrow nimble noble northern olive opal orderly patient pearly placid plain playful polite proud quick quiet
radiant rapid rare rustic salty scarlet secret serene sharp shiny silent silver simple sincere sleepy slender
smooth snowy solar solid spicy steady stony subtle sunny swift tender tidy timid tranquil urban vast velvet
violet vivid warm wary western wild windy wise witty woolly zesty
""".split()
)

NOUNS = tuple(
    """
acorn anchor antler apple apron arrow badger bamboo banjo barley basin basket beacon beaver bell birch biscuit
blanket bonnet bottle bramble bridge bucket butter button cabin cactus camel candle canoe canyon carpet castle
cedar chimney cinnamon clover cobbler comet compass copper coral cottage cradle crayon cricket crystal dagger
daisy dolphin donkey dragon drum eagle easel ember falcon feather fern ferret fiddle flannel flute forest fossil
fountain fox garlic garnet ginger glacier goblet goose granite guitar hammer harbor harp hazel helmet heron
honey hornet island ivory jacket jasmine jigsaw juniper kettle kitten ladder lantern lemon lichen lily linen
lobster locket lotus magnet mango maple marble meadow medal melon mitten mosaic muffin mustard needle nettle
nutmeg oasis ocean onion orchard otter owl paddle panther parrot pebble pepper pickle pillow pistachio planet
plum pocket poppy pottery prairie puffin pumpkin quartz quill rabbit raven ribbon river rocket saddle saffron
salmon sandal saucer shovel spade sparrow spindle sponge squirrel stable statue sunset swan table teapot thistle
thunder timber tulip tunnel turnip turtle umbrella valley vessel village violin walnut walrus whistle willow
window wizard yarrow zebra
""".split()
)
